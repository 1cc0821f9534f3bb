/* SPDX-License-Identifier: MIT
 *
 * fuzz_json.c: any bytes either are refused with a message or are read; what is read is written and read again to the
 * same text.
 */
#include "fuzz.h"

#include "base/json.h"
#include "base/status.h"

static void write_value(eg_json_writer *w, const eg_json *value) {
    const eg_json *item;
    switch (value->type) {
    case EG_JSON_NULL:
        eg_json_put_null(w, value->key);
        break;
    case EG_JSON_BOOL:
        eg_json_put_bool(w, value->key, value->boolean);
        break;
    case EG_JSON_INT:
        eg_json_put_int(w, value->key, value->integer);
        break;
    case EG_JSON_DOUBLE:
        eg_json_put_number(w, value->key, value->number);
        break;
    case EG_JSON_STRING:
        eg_json_put_string(w, value->key, value->string);
        break;
    case EG_JSON_ARRAY:
    case EG_JSON_OBJECT:
        eg_json_begin(w, value->key, value->type == EG_JSON_ARRAY ? '[' : '{');
        for (item = value->first; item; item = item->next) write_value(w, item);
        eg_json_end(w, value->type == EG_JSON_ARRAY ? ']' : '}');
    }
}

static eg_text written(const eg_json *value) {
    eg_text text = { 0 };
    eg_json_writer writer = { .text = &text };
    write_value(&writer, value);
    FUZZ_EXPECT(!text.failed);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    eg_arena arena = EG_ARENA_INIT;
    eg_error_clear();
    const eg_json *value = eg_json_parse(&arena, (const char *)data, size);
    if (!value) {
        FUZZ_EXPECT(eg_error_status() == EG_E_DATA && eg_error()[0] != '\0');
    } else {
        eg_text once = written(value);
        const eg_json *again = eg_json_parse(&arena, once.data, once.length);
        FUZZ_EXPECT(again);
        eg_text twice = written(again);
        FUZZ_EXPECT(once.length == twice.length && memcmp(once.data, twice.data, once.length) == 0);
        eg_text_free(&once);
        eg_text_free(&twice);
    }
    eg_arena_free(&arena);
    return 0;
}
