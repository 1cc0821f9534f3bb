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
          "precision, recall, F1 of each class, the confusions, and the area under the ROC curve (the mean over the "
          "classes, each against the rest)" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object on stdout" },
    { 0 }
};

/* ---- the report ---------------------------------------------------------------------------------------- */

typedef struct judgement {
    eg_report report;
    const char **names; /* of the classes */
    double area;        /* under the ROC curve: each class against the rest, their mean; NAN where one is missing */
} judgement;

/* Of one class, which has column c of the outputs, or, of two classes with one output, that or the rest. */
static double area_of_class(const int32_t *truth, const float *p, int64_t n, int64_t width, int c) {
    double area = (double)NAN, *score = calloc((size_t)n + 1, sizeof *score);
    int32_t *is = calloc((size_t)n + 1, sizeof *is);
    for (int64_t i = 0; score && is && i < n; i++) {
        is[i] = truth[i] == c;
        score[i] = width > 1 ? (double)p[i * width + c] : (double)(c ? p[i] : -p[i]);
    }
    if (score && is) eg_auc(is, score, n, &area);
    free(score);
    free(is);
    return area;
}

static double mean_area(eg_model *model, const eg_data *data) {
    int64_t n = eg_data_rows(data);
    int classes = eg_data_classes(data);
    eg_tensor *p = eg_model_predict(model, eg_data_x(data));
    double sum = p && n ? 0 : (double)NAN;
    for (int c = 0; c < classes && !isnan(sum); c++)
        sum += area_of_class(eg_tensor_data(eg_data_y(data)), eg_tensor_data(p), n, eg_tensor_size(p) / n, c);
    eg_tensor_free(p);
    return sum / classes;
}

static int judge(eg_model *model, const eg_data *data, judgement *out) {
    if (eg_data_task(data) != EG_TASK_CLASSIFICATION || eg_tensor_shape(eg_data_y(data)).rank != 1)
        return cli_error(CLI_USAGE, "evaluate: --report needs a classification");
    eg_tensor *guess = eg_model_predict_classes(model, eg_data_x(data));
    if (!guess) return cli_model_error(model);
    int classes = eg_data_classes(data);
    eg_status status = eg_classification_report(eg_tensor_data(eg_data_y(data)), eg_tensor_data(guess),
                                                eg_data_rows(data), classes, &out->report);
    eg_tensor_free(guess);
    if (status != EG_OK) return cli_fail(status);
    if (!(out->names = calloc((size_t)classes, sizeof *out->names))) return cli_no_memory();
    for (int i = 0; i < classes; i++) out->names[i] = eg_data_class_name(data, i);
    out->area = mean_area(model, data);
    return CLI_OK;
}

static int print_report(const judgement *j) {
    char *text = eg_report_text(&j->report, j->names);
    if (!text) return cli_fail(eg_error_status());
    fputs(text, stdout);
    eg_string_free(text);
    if (!isnan(j->area)) printf("%14s%11.4f\n", "ROC area", j->area);
    return CLI_OK;
}

/* ---- JSON ---------------------------------------------------------------------------------------------- */

static void put_class(cli_json *json, const char *key, const char *name, const eg_class_scores *scores) {
    cli_json_open(json, key);
    if (!key) cli_json_text(json, "class", name);
    cli_json_real(json, "precision", scores->precision);
    cli_json_real(json, "recall", scores->recall);
    cli_json_real(json, "f1", scores->f1);
    cli_json_integer(json, "support", scores->support);
    cli_json_close(json);
}

static void put_report(cli_json *json, const judgement *j) {
    int n = j->report.classes;
    cli_json_list(json, "classes");
    for (int i = 0; i < n; i++) put_class(json, NULL, j->names[i], &j->report.of_class[i]);
    cli_json_list_end(json);
    put_class(json, "macro", NULL, &j->report.macro);
    cli_json_list(json, "confusions");
    for (int i = 0; i < n; i++) {
        cli_json_list(json, NULL);
        for (int k = 0; k < n; k++) cli_json_integer(json, NULL, j->report.confusion[i * n + k]);
        cli_json_list_end(json);
    }
    cli_json_list_end(json);
    cli_json_real(json, "roc_area", j->area);
}

static void print_json(const eg_scores *scores, const judgement *j) {
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "evaluate");
    cli_json_score_fields(&json, scores);
    cli_json_integer(&json, "samples", scores->n);
    if (j) put_report(&json, j);
    cli_json_close(&json);
}

/* ---- the command --------------------------------------------------------------------------------------- */

static int evaluate(const evaluate_options *o, eg_model *model) {
    int code = CLI_OK;
    judgement j = { 0 };
    const char *part = cli_part(o->part, o->data);
    eg_data *data = cli_open_for(model, o->data, part, 1, &code);
    if (!data) return code;
    eg_scores scores = eg_model_evaluate(model, data);
    if (eg_model_status(model) != EG_OK)
        code = cli_model_error(model);
    else if (o->report)
        code = judge(model, data, &j);
    if (code == CLI_OK && o->json)
        print_json(&scores, o->report ? &j : NULL);
    else if (code == CLI_OK)
        cli_print_scores(stdout, part ? part : "scores", &scores), cli_print_bits(stdout, data, &scores);
    if (code == CLI_OK && o->report && !o->json) code = print_report(&j);
    free(j.names);
    eg_report_free(&j.report);
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
