/* SPDX-License-Identifier: MIT
 *
 * cmd_evaluate.c: `elegans evaluate`: a model's scores on data with targets.
 */
#include <math.h>
#include <stdlib.h>
#include "cli.h"

typedef struct evaluate_options {
    const char *data, *part;
    int64_t threads;
    int json, report;
} evaluate_options;

#define FIELD(name) offsetof(evaluate_options, name)

static const cli_option options[] = {
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE", .help = "what to evaluate on, with targets: as for train" },
    { "part", 0, CLI_TEXT, FIELD(part), "NAME", .help = "train or test, where the source has parts (default: test)" },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N", .help = "threads, 0 for all processors (default)" },
    { "report", 0, CLI_FLAG, FIELD(report), NULL,
      .help =
          "precision, recall, F1 of each class, the confusions, and the area under the ROC curve of two classes" },
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

/* ---- the report ---------------------------------------------------------------------------------------- */

/* The area under the ROC curve of a classifier of two classes; NAN for others. */
static double area_under_curve(eg_model *model, const eg_data *data, const int32_t *truth) {
    double area = (double)NAN;
    int64_t n = eg_data_rows(data);
    eg_tensor *p = eg_model_classes(model) == 2 ? eg_model_predict(model, eg_data_x(data)) : NULL;
    double *score = p ? malloc((size_t)n * sizeof *score) : NULL;
    int64_t width = n ? (p ? eg_tensor_size(p) / n : 1) : 1; /* one output, or the second of two */
    for (int64_t i = 0; score && i < n; i++)
        score[i] = (double)((const float *)eg_tensor_data(p))[i * width + width - 1];
    if (score) eg_auc(truth, score, n, &area);
    free(score);
    eg_tensor_free(p);
    return area;
}

static int print_report(eg_model *model, const eg_data *data) {
    if (eg_data_task(data) != EG_TASK_CLASSIFICATION || eg_tensor_shape(eg_data_y(data)).rank != 1)
        return cli_error(CLI_USAGE, "evaluate: --report needs a classification");
    eg_tensor *guess = eg_model_predict_classes(model, eg_data_x(data));
    if (!guess) return cli_model_error(model);
    const int32_t *truth = eg_tensor_data(eg_data_y(data));
    int classes = eg_data_classes(data);
    const char **names = calloc((size_t)classes, sizeof *names);
    for (int i = 0; names && i < classes; i++) names[i] = eg_data_class_name(data, i);
    eg_report report;
    eg_status status = eg_classification_report(truth, eg_tensor_data(guess), eg_data_rows(data), classes, &report);
    char *text = status == EG_OK ? eg_report_text(&report, names) : NULL;
    if (text) fputs(text, stdout);
    double area = area_under_curve(model, data, truth);
    if (!isnan(area)) printf("%14s%11.4f\n", "ROC area", area);
    eg_string_free(text);
    if (status == EG_OK) eg_report_free(&report);
    free(names);
    eg_tensor_free(guess);
    return text ? CLI_OK : cli_fail(status);
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
        cli_print_scores(stdout, part ? part : "scores", &scores), cli_print_bits(stdout, data, &scores);
    if (code == CLI_OK && o->report && !o->json) code = print_report(model, data);
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
