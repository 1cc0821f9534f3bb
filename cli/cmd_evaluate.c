/* SPDX-License-Identifier: MIT
 *
 * cmd_evaluate.c: `elegans evaluate`: a model's scores on data with targets.
 */
#include "cli.h"

typedef struct evaluate_options {
    const char *data, *part;
    int64_t threads;
    int json;
} evaluate_options;

#define FIELD(name) offsetof(evaluate_options, name)

static const cli_option options[] = {
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE", .help = "what to evaluate on, with targets: as for train" },
    { "part", 0, CLI_TEXT, FIELD(part), "NAME", .help = "train or test, where the source has parts (default: test)" },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N", .help = "threads, 0 for all processors (default)" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object on stdout" },
    { 0 }
};

static void print_json(const eg_scores *scores) {
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "evaluate");
    cli_json_score_fields(&json, scores);
    cli_json_integer(&json, "samples", scores->n);
    cli_json_close(&json);
}

static int evaluate(const evaluate_options *o, eg_model *model) {
    int code = CLI_OK;
    const char *part = cli_part(o->part, o->data);
    eg_data *data = cli_open_for(model, o->data, part, 1, &code);
    if (!data) return code;
    eg_scores scores = eg_model_evaluate(model, data);
    if (eg_model_status(model) != EG_OK)
        code = cli_model_error(model);
    else if (o->json)
        print_json(&scores);
    else
        cli_print_scores(stdout, part ? part : "scores", &scores);
    eg_data_free(data);
    return code;
}

static int run(int argc, char **argv) {
    evaluate_options o;
    const char *path = NULL;
    cli_defaults(&cli_evaluate, &o);
    int code = cli_parse(&cli_evaluate, argc, argv, &o, &path, 1);
    if (code >= 0) return code;
    if (!path || !o.data)
        return cli_error(CLI_USAGE, "evaluate: a model file and --data are needed; see: elegans evaluate --help");
    eg_set_threads((int)cli_or(o.threads, 0));
    cli_allow_downloads();
    eg_model *model = cli_load_model(path, &code);
    if (!model) return code;
    code = evaluate(&o, model);
    eg_model_free(model);
    return code;
}

const cli_command cli_evaluate = {
    .name = "evaluate",
    .summary = "loss and metrics of a model on data",
    .usage = "MODEL --data SOURCE [options]",
    .options = options,
    .run = run,
    .examples = "  elegans evaluate mnist.safetensors --data mnist\n"
                "  elegans evaluate iris.safetensors --data iris.csv --json\n",
};
