/* SPDX-License-Identifier: MIT
 *
 * json.c: numbers as text, and JSON lines. Whatever a file's names hold, a line is valid JSON in UTF-8; a number that
 * is not finite is null.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

/* ---- strings ------------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 character at `text`, 0 if there is none (RFC 3629: no surrogates, no long forms). */
static int character(const unsigned char *text) {
    static const struct {
        unsigned char first, last, low, high; /* of the first byte; of the second */
        int length;
    } forms[] = { { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
                  { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
                  { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 } };
    if (*text < 0x80) return 1;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (*text < forms[i].first || *text > forms[i].last) continue;
        if (text[1] < forms[i].low || text[1] > forms[i].high) return 0;
        for (int k = 2; k < forms[i].length; k++)
            if ((text[k] & 0xc0) != 0x80) return 0;
        return forms[i].length;
    }
    return 0;
}

static void put_string(FILE *stream, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    fputc('"', stream);
    while (*at) {
        int length = character(at);
        if (length == 0)
            fputs("\\ufffd", stream), length = 1;
        else if (*at == '"' || *at == '\\')
            fprintf(stream, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            fprintf(stream, "\\u%04x", *at);
        else
            fwrite(at, 1, (size_t)length, stream);
        at += length;
    }
    fputc('"', stream);
}

/* ---- numbers --------------------------------------------------------------------------------------------- */

/* 20, not 2e+01 */
static int put_whole(FILE *stream, double number) {
    if (!(fabs(number) < 1e6) || number != floor(number)) return 0;
    fprintf(stream, "%.0f", number);
    return 1;
}

void cli_put_real(FILE *stream, double number) {
    char text[40];
    if (put_whole(stream, number)) return;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fputs(text, stream);
}

void cli_put_float(FILE *stream, float number) {
    char text[40];
    if (put_whole(stream, (double)number)) return;
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)number);
        if (strtof(text, NULL) == number) break;
    }
    fputs(text, stream);
}

/* ---- items --------------------------------------------------------------------------------------------- */

static void begin_item(cli_json *json, const char *key) {
    if (json->items[json->depth]++) fputc(',', json->stream);
    if (!key) return;
    put_string(json->stream, key);
    fputc(':', json->stream);
}

static void enter(cli_json *json, const char *key, char bracket) {
    if (json->depth || key) begin_item(json, key);
    fputc(bracket, json->stream);
    json->items[++json->depth] = 0;
}

static void leave(cli_json *json, char bracket) {
    json->depth--;
    fputc(bracket, json->stream);
    if (json->depth) return;
    fputc('\n', json->stream);
    fflush(json->stream);
}

void cli_json_open(cli_json *json, const char *key) { enter(json, key, '{'); }
void cli_json_close(cli_json *json) { leave(json, '}'); }
void cli_json_list(cli_json *json, const char *key) { enter(json, key, '['); }
void cli_json_list_end(cli_json *json) { leave(json, ']'); }

void cli_json_text(cli_json *json, const char *key, const char *text) {
    begin_item(json, key);
    if (text)
        put_string(json->stream, text);
    else
        fputs("null", json->stream);
}

void cli_json_real(cli_json *json, const char *key, double number) {
    begin_item(json, key);
    if (isfinite(number))
        cli_put_real(json->stream, number);
    else
        fputs("null", json->stream);
}

void cli_json_float(cli_json *json, const char *key, float number) {
    begin_item(json, key);
    if (isfinite(number))
        cli_put_float(json->stream, number);
    else
        fputs("null", json->stream);
}

void cli_json_integer(cli_json *json, const char *key, int64_t number) {
    begin_item(json, key);
    fprintf(json->stream, "%lld", (long long)number);
}

/* ---- scores -------------------------------------------------------------------------------------------- */

void cli_json_score_fields(cli_json *json, const eg_scores *scores) {
    const struct {
        const char *name;
        double value;
    } others[] = { { "top_k", scores->top_k }, { "mse", scores->mse }, { "mae", scores->mae }, { "r2", scores->r2 } };
    cli_json_real(json, "loss", scores->loss);
    cli_json_real(json, "accuracy", scores->accuracy);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!isnan(others[i].value)) cli_json_real(json, others[i].name, others[i].value);
}

void cli_json_scores(cli_json *json, const char *key, const eg_scores *scores) {
    if (!scores) {
        cli_json_text(json, key, NULL);
        return;
    }
    cli_json_open(json, key);
    cli_json_score_fields(json, scores);
    cli_json_close(json);
}
