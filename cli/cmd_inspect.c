/* SPDX-License-Identifier: MIT
 *
 * cmd_inspect.c: `elegans inspect`: what is in a model file, or what a network would be.
 */
#include "cli.h"
#include "plot_training.h"

typedef struct inspect_options {
    const char *svg, *net, *input;
    int json;
} inspect_options;

static const cli_option options[] = {
    { "json", 0, CLI_FLAG, offsetof(inspect_options, json), NULL, .help = "one JSON object on stdout" },
    { "svg", 0, CLI_TEXT, offsetof(inspect_options, svg), "FILE", .help = "draw it as circles and links" },
    { "net", 'n', CLI_TEXT, offsetof(inspect_options, net), "LAYERS", .help = "a network in place of a model file" },
    { "input", 'i', CLI_TEXT, offsetof(inspect_options, input), "SHAPE",
      .help = "its input, e.g. 4, 28x28 or 227x227x3" },
    { 0 }
};

static const char *unit_of(const eg_vocabulary *v) {
    return eg_vocabulary_unit(v) == EG_TOKEN_WORD ? "words" : "characters";
}

static void print_names(const char *what, const eg_model *model, int n, const char *(*name)(const eg_model *, int)) {
    enum { MOST = 12 };
    if (n == 0) return;
    printf("%s:", what);
    for (int i = 0; i < n && i < MOST; i++) printf("%s %s", i ? "," : "", name(model, i));
    if (n > MOST) printf(", ... (%d)", n);
    putchar('\n');
}

/* What only training gives. */
static void print_trained(const eg_model *model, const char *hash) {
    printf("scaling: %s%s\n", eg_model_centre(model) ? "centre, " : "", eg_scaling_name(eg_model_scaling(model)));
    print_names("columns", model, eg_model_columns(model), eg_model_column_name);
    print_names("classes", model, eg_model_classes(model), eg_model_class_name);
    const eg_vocabulary *v = eg_model_vocabulary(model);
    if (v) printf("vocabulary: %d %s\n", eg_vocabulary_size(v), unit_of(v));
    if (*eg_model_target_name(model)) printf("target: %s\n", eg_model_target_name(model));
    printf("weights sha256: %s\n", hash);
}

static void print_text(const eg_model *model, const char *hash) {
    char *summary = eg_model_summary(model), *text = eg_model_text(model);
    if (summary) fputs(summary, stdout);
    if (text) printf("net: %s\n", text);
    printf("parameters: %lld (%lld trainable)\n", (long long)eg_model_parameters(model),
           (long long)eg_model_trainable(model));
    if (hash) print_trained(model, hash);
    eg_string_free(summary);
    eg_string_free(text);
}

static void put_shape(cli_json *json, const char *key, eg_shape shape) {
    cli_json_list(json, key);
    for (int i = 0; i < shape.rank; i++) cli_json_integer(json, NULL, shape.dim[i]);
    cli_json_list_end(json);
}

static void print_json(const eg_model *model, const char *hash) {
    char *text = eg_model_text(model);
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    cli_json_text(&json, "event", "inspect");
    cli_json_text(&json, "net", text);
    put_shape(&json, "input", eg_model_input_shape(model));
    put_shape(&json, "output", eg_model_output_shape(model));
    cli_json_integer(&json, "parameters", eg_model_parameters(model));
    cli_json_integer(&json, "trainable", eg_model_trainable(model));
    cli_json_text(&json, "scaling", eg_scaling_name(eg_model_scaling(model)));
    cli_json_integer(&json, "centre", eg_model_centre(model));
    cli_json_list(&json, "columns");
    for (int i = 0; i < eg_model_columns(model); i++) cli_json_text(&json, NULL, eg_model_column_name(model, i));
    cli_json_list_end(&json);
    cli_json_list(&json, "classes");
    for (int i = 0; i < eg_model_classes(model); i++) cli_json_text(&json, NULL, eg_model_class_name(model, i));
    cli_json_list_end(&json);
    const eg_vocabulary *v = eg_model_vocabulary(model);
    cli_json_text(&json, "unit", v ? unit_of(v) : NULL);
    cli_json_list(&json, "vocabulary");
    for (int i = 0; v && i < eg_vocabulary_size(v); i++) cli_json_text(&json, NULL, eg_vocabulary_token(v, i));
    cli_json_list_end(&json);
    cli_json_text(&json, "weights_sha256", hash);
    cli_json_close(&json);
    eg_string_free(text);
}

static eg_model *described(const inspect_options *o, int *code) {
    eg_shape input;
    if (!o->input)
        *code = cli_error(CLI_USAGE, "inspect: --net needs --input, the shape of a sample, e.g. 4 or 28x28");
    if (!o->input || (*code = cli_shape("inspect: --input", o->input, &input)) >= 0) return NULL;
    eg_model *model = eg_model_parse(input, o->net);
    if (!model) *code = cli_no_memory();
    if (!model || eg_model_status(model) == EG_OK) return model;
    *code = cli_error(CLI_USAGE, "--net: %s", eg_model_error(model));
    eg_model_free(model);
    return NULL;
}

static int show(const inspect_options *o, eg_model *model) {
    char hash[65];
    eg_status status = o->net ? EG_OK : eg_model_sha256(model, hash);
    if (status == EG_OK && o->net && o->svg) status = eg_model_init(model, 0, EG_KERAS); /* links have weights */
    if (status != EG_OK) return cli_fail(status);
    (o->json ? print_json : print_text)(model, o->net ? NULL : hash);
    int code = o->svg ? plot_model(o->svg, model) : CLI_OK;
    return code < 0 ? CLI_OK : code;
}

static int run(int argc, char **argv) {
    inspect_options o;
    const char *path = NULL;
    cli_defaults(&cli_inspect, &o);
    int code = cli_parse(&cli_inspect, argc, argv, &o, &path, 1);
    if (code >= 0) return code;
    if (!path == !o.net)
        return cli_error(CLI_USAGE, "inspect: a model file or --net is needed; see: elegans inspect --help");
    if (o.input && !o.net) return cli_error(CLI_USAGE, "inspect: --input belongs to --net");
    eg_model *model = o.net ? described(&o, &code) : cli_load_model(path, &code);
    if (!model) return code;
    code = show(&o, model);
    eg_model_free(model);
    return code;
}

const cli_command cli_inspect = {
    .name = "inspect",
    .summary = "layers and parameters of a model file or a net",
    .usage = "MODEL [--json] [--svg FILE]\n       elegans inspect --net LAYERS --input SHAPE [--json] [--svg FILE]",
    .options = options,
    .run = run,
    .examples = "  elegans inspect mnist.safetensors\n"
                "  elegans inspect mnist.safetensors --json | python3 -m json.tool\n"
                "  elegans inspect --net 'conv 6 5 relu; max_pool; dense 10' --input 28x28\n",
};
