/* SPDX-License-Identifier: MIT
 *
 * plan.c: memory that is live at different times shares one arena. A storage lives from the step that first writes
 * it to the one that last touches it; an elementwise result takes the place of an operand that dies in the same step.
 * Places get their offsets the largest first, each the first gap between those that live at the same time. The size
 * is known before the first run, and nothing moves after.
 *
 * Storages that a step wants side by side (eg_neighbours) have one place: that costs memory, so only small groups get
 * it.
 */
#include <string.h>
#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/strip.h"
#include "tensor/shape.h"

enum { GROUP_BYTES = 1 << 16, READABLE = 128 };

/* A place in the arena: of one storage, of several that take it one after the other, or of a group. */
typedef struct place {
    size_t bytes, offset;
    int first, last; /* steps */
} place;

typedef struct planner {
    eg_cpu_run *run;
    place *places;
    int n, *of; /* [nstorage]: which is its place, -1: none yet */
    int *order; /* [n]: those that have their offset, by offset; before: all, the largest first */
} planner;

static size_t rounded(size_t bytes) { return bytes ? (bytes + EG_ALIGN - 1) / EG_ALIGN * EG_ALIGN : EG_ALIGN; }

/* ---- groups ---------------------------------------------------------------------------------------------- */

static int is_planned(const eg_storage *s) { return s->kind == EG_IN_ARENA && s->same_as < 0 && s->first >= 0; }

/* A group whose members all live in the arena, once each, and which is small. */
static int can_group(const eg_cpu_run *run, const eg_neighbours *g) {
    size_t bytes = 0;
    for (int i = 0; i < g->n; i++) {
        const eg_storage *s = &run->storage[g->storage[i]];
        if (!is_planned(s) || s->group >= 0 || s->last == EG_FOREVER) return 0;
        for (int j = 0; j < i; j++)
            if (g->storage[j] == g->storage[i]) return 0;
        bytes += rounded(s->bytes);
    }
    return bytes <= GROUP_BYTES;
}

static void form_groups(eg_cpu_run *run) {
    for (int k = 0; k < run->ngroup; k++) {
        eg_neighbours *g = &run->group[k];
        if (!can_group(run, g)) continue;
        g->first = EG_FOREVER;
        for (int i = 0; i < g->n; i++) {
            eg_storage *s = &run->storage[g->storage[i]];
            s->group = k;
            g->bytes += rounded(s->bytes);
            if (s->first < g->first) g->first = s->first;
            if (s->last > g->last) g->last = s->last;
        }
    }
}

/* ---- the walk -------------------------------------------------------------------------------------------- */

/* The dying operand whose place write `use` may take: same size, arena memory of its own, and every reading of
 * it in this step is one that allows it. */
static int place_to_take(const eg_cpu_run *run, int at, const eg_use *uses, const eg_use *use,
                         const unsigned char *taken) {
    int nuse = run->step[at].nuse;
    for (int i = 0; i < nuse; i++) {
        int s = eg_storage_root(run, uses[i].storage), allowed = 0;
        const eg_storage *operand = &run->storage[s];
        if (uses[i].write || !is_planned(operand) || operand->group >= 0 || operand->last != at || taken[s]) continue;
        if (run->storage[uses[i].storage].bytes != operand->bytes) continue; /* a part of it */
        if (rounded(operand->bytes) != rounded(run->storage[use->storage].bytes)) continue;
        for (int k = 0; k < nuse; k++) {
            allowed = eg_storage_root(run, uses[k].storage) != s || eg_use_over(use, k);
            if (!allowed) break;
        }
        if (allowed) return s;
    }
    return -1;
}

static int new_place(planner *p, size_t bytes, int first, int last) {
    p->places[p->n] = (place){ .bytes = bytes, .first = first, .last = last };
    return p->n++;
}

/* The members of a group in their order; the offsets are within it. */
static void join_group(planner *p, eg_neighbours *g) {
    int index = new_place(p, g->bytes, g->first, g->last);
    size_t offset = 0;
    for (int i = 0; i < g->n; i++) {
        p->of[g->storage[i]] = index;
        p->run->storage[g->storage[i]].offset = offset;
        offset += rounded(p->run->storage[g->storage[i]].bytes);
    }
}

/* The place of what a step writes first: a dying operand's, or a new one. */
static void choose_place(planner *p, int at, const eg_use *uses, const eg_use *use, unsigned char *taken) {
    eg_cpu_run *run = p->run;
    eg_storage *s = &run->storage[use->storage];
    if (!use->write || !is_planned(s) || s->first != at || p->of[use->storage] >= 0) return;
    if (s->group >= 0) {
        join_group(p, &run->group[s->group]);
        return;
    }
    int operand = place_to_take(run, at, uses, use, taken);
    p->of[use->storage] = operand < 0 ? new_place(p, rounded(s->bytes), at, s->last) : p->of[operand];
    if (operand < 0) return;
    taken[operand] = 1;
    p->places[p->of[operand]].last = s->last;
}

static void choose_places(planner *p, unsigned char *taken) {
    const eg_cpu_run *run = p->run;
    for (int at = 0; at < run->nstep; at++) {
        const eg_use *uses = &run->use[run->step[at].first_use];
        for (int i = 0; i < run->step[at].nuse; i++) choose_place(p, at, uses, &uses[i], taken);
    }
}

/* ---- offsets --------------------------------------------------------------------------------------------- */

static void sort_by_size(planner *p) {
    for (int i = 0; i < p->n; i++) {
        int at = i;
        for (; at > 0 && p->places[p->order[at - 1]].bytes < p->places[i].bytes; at--)
            p->order[at] = p->order[at - 1];
        p->order[at] = i;
    }
}

/* The first gap between the places that are live at the same time; `placed` of these have their offsets. */
static size_t first_gap(const planner *p, const place *x, int placed) {
    size_t at = 0;
    for (int i = 0; i < placed; i++) {
        const place *other = &p->places[p->order[i]];
        if (other->last < x->first || x->last < other->first) continue;
        if (other->offset >= at + x->bytes) break;
        if (other->offset + other->bytes > at) at = other->offset + other->bytes;
    }
    return at;
}

/* The largest first: what is small fits in anywhere. */
static size_t choose_offsets(planner *p) {
    size_t end = 0;
    sort_by_size(p);
    for (int placed = 0; placed < p->n; placed++) {
        int index = p->order[placed], i = placed;
        place *x = &p->places[index];
        x->offset = first_gap(p, x, placed);
        if (x->offset + x->bytes > end) end = x->offset + x->bytes;
        for (; i > 0 && p->places[p->order[i - 1]].offset > x->offset; i--) p->order[i] = p->order[i - 1];
        p->order[i] = index;
    }
    return end;
}

static eg_status plan_arena(eg_cpu_run *run) {
    eg_arena scratch = { 0 };
    int n = run->nstorage;
    planner p = { .run = run,
                  .places = EG_ARENA_ARRAY(&scratch, place, n),
                  .of = EG_ARENA_ARRAY(&scratch, int, n),
                  .order = EG_ARENA_ARRAY(&scratch, int, n) };
    unsigned char *taken = eg_arena_alloc(&scratch, (size_t)n);
    int there = p.places && p.of && p.order && taken;
    if (there) {
        memset(p.of, -1, (size_t)n * sizeof *p.of);
        form_groups(run);
        choose_places(&p, taken);
        run->memory_bytes = choose_offsets(&p);
        for (int i = 0; i < n; i++)
            if (p.of[i] >= 0) run->storage[i].offset += p.places[p.of[i]].offset;
    }
    eg_arena_free(&scratch);
    return there ? EG_OK : EG_E_MEMORY;
}

/* ---- EG_DUMP=plan ---------------------------------------------------------------------------------------- */

static void describe_storage(eg_text *text, const eg_cpu_run *run, const eg_storage *s) {
    eg_text_format(text, "%10zu %10zu %6d ", s->offset, s->bytes, s->first);
    if (s->last == EG_FOREVER) eg_text_add(text, "  kept");
    else eg_text_format(text, "%6d", s->last);
    eg_text_format(text, "  %-15s", run->step[s->first].kernel);
    if (s->value)
        eg_text_format(text, " %%%d %s %s%s", s->value->id, eg_value_op(s->value), eg_dtype_name(s->value->dtype),
                       eg_shape_words(&s->value->shape));
    eg_text_add(text, "\n");
}

/* One line for each storage of the arena, in the order of their first steps. The numbers of values are those of
 * EG_DUMP=schedule. */
static eg_status dump_plan(const eg_cpu_run *run, const char *of) {
    if (!eg_dump_wanted("plan")) return EG_OK;
    eg_text text = { 0 };
    size_t apart = 0;
    eg_text_add(&text, "    offset      bytes   from     to  written by\n");
    for (int at = 0; at < run->nstep; at++)
        for (int i = 0; i < run->nstorage; i++) {
            const eg_storage *s = &run->storage[i];
            if (!is_planned(s) || s->first != at) continue;
            describe_storage(&text, run, s);
            apart += rounded(s->bytes);
        }
    eg_text_format(&text, "%zu bytes; %zu if nothing shared a place\n", run->memory_bytes, apart);
    if (!text.failed) eg_dump(of, "plan", text.data);
    eg_status status = text.failed ? EG_E_MEMORY : EG_OK;
    eg_text_free(&text);
    return status;
}

/* ---- constants ------------------------------------------------------------------------------------------- */

static void plan_constants(eg_cpu_run *run) {
    for (int i = 0; i < run->nstorage; i++) {
        eg_storage *s = &run->storage[i];
        if (s->kind != EG_IN_CONSTANTS) continue;
        s->offset = run->constant_bytes;
        run->constant_bytes += rounded(s->bytes);
    }
}

/* Their references say what is in them, in doubles. */
static eg_status fill_constants(eg_cpu_run *run) {
    for (int i = 0; i < run->nstorage; i++) {
        const eg_storage *s = &run->storage[i];
        if (s->kind != EG_IN_CONSTANTS || s->bytes == 0) continue;
        int64_t n = eg_count(&s->value->shape);
        double *numbers = eg_alloc((size_t)n * sizeof *numbers);
        if (!numbers) return EG_E_MEMORY;
        eg_ref_run(&(eg_ref_call){ .value = s->value, .out = numbers });
        eg_convert(s->value->dtype, run->constants + s->offset, EG_F64, numbers, n);
        eg_free(numbers);
    }
    return EG_OK;
}

/* ---- scratch and parts ----------------------------------------------------------------------------------- */

double eg_least_work_of_a_part = 2000;

static int is_read(const eg_cpu_run *run, int storage) {
    for (int i = 0; i < run->nuse; i++)
        if (!run->use[i].write && eg_storage_root(run, run->use[i].storage) == storage) return 1;
    return 0;
}

/* What one step leaves for the next has to travel when another core takes a part of either: .1 to .2 ns a byte,
 * measured on cores that share no L2. A program that passes much for the work it does is faster on its caller alone.
 * What is larger than a core's own cache has left it by then anyway.
 * (New values of variables are read in a later run, by the part that wrote them; what is only fetched, by no step.)
 */
static int is_worth_cutting(const eg_cpu_run *run) {
    const double nanoseconds_a_byte = .15, own_cache = 4 << 20;
    double work = 0, passed = 0;
    for (int i = 0; i < run->nstep; i++) work += run->step[i].work;
    for (int i = 0; i < run->nuse; i++) {
        const eg_storage *storage = &run->storage[run->use[i].storage];
        double bytes = (double)storage->bytes;
        int is_passed = run->use[i].write && storage->kind == EG_IN_ARENA && storage->same_as < 0;
        if (storage->last == EG_FOREVER) is_passed = is_passed && is_read(run, run->use[i].storage);
        if (is_passed && bytes < own_cache) passed += bytes;
    }
    return eg_least_work_of_a_part <= 0 || work > nanoseconds_a_byte * passed;
}

static void decide_parts(eg_cpu_run *run) {
    int threads = run->threads;
    run->parts = 1;
    if (!is_worth_cutting(run)) threads = 1;
    for (const eg_cpu_run *loop = run->loops; loop; loop = loop->next_loop)
        if (loop->parts > run->parts) run->parts = loop->parts;
    for (int i = 0; i < run->nstep; i++) {
        eg_cpu_step *step = &run->step[i];
        double worth = eg_least_work_of_a_part > 0 ? step->work / eg_least_work_of_a_part : threads;
        int64_t parts = worth < threads ? (int64_t)worth : threads;
        if (parts > step->items) parts = step->items;
        step->parts = parts < 1 ? 1 : (int)parts;
        if (step->parts > run->parts) run->parts = step->parts;
    }
}

static eg_status make_scratch(eg_cpu_run *run, int parts) {
    for (int i = 0; i < run->nstep; i++) {
        size_t scratch = (run->step[i].scratch + EG_ALIGN - 1) / EG_ALIGN * EG_ALIGN;
        if (scratch > run->scratch_floats) run->scratch_floats = scratch;
    }
    run->scratch = eg_calloc((size_t)parts * run->scratch_floats + READABLE, sizeof(float));
    if (!run->scratch) return EG_E_MEMORY;
    for (eg_strips *s = run->strips; s; s = s->next) eg_strips_settle(s, run->scratch);
    return EG_OK;
}

/* ---- addresses ------------------------------------------------------------------------------------------- */

static void *address(const eg_cpu_run *run, const eg_storage *s) {
    switch (s->kind) {
    case EG_IN_INPUT:
        return (void *)(uintptr_t)run->program->input[s->input].data;
    case EG_IN_STATE:
        return s->base;
    case EG_IN_CONSTANTS:
        return run->constants + s->offset;
    case EG_IN_LOOP:
        return NULL; /* written in each step */
    case EG_IN_ARENA:
        break;
    }
    return s->first < 0 ? run->memory : run->memory + s->offset;
}

static void write_address(const eg_cpu_run *run, const eg_fixup *fixup) {
    unsigned char *at = address(run, &run->storage[eg_storage_root(run, fixup->storage)]);
    if (at) at += eg_storage_at(run, fixup->storage);
    memcpy(fixup->slot, &at, sizeof at); /* the slot is a pointer of any type */
}

/* -1: of none. */
static int port_of(const eg_cpu_run *run, const eg_fixup *fixup) {
    const eg_storage *s = &run->storage[eg_storage_root(run, fixup->storage)];
    return s->kind == EG_IN_INPUT || s->kind == EG_IN_LOOP ? s->input : -1;
}

/* Those of ports stand first and in order from now on, because they may change. */
static eg_status sort_fixups(eg_cpu_run *run) {
    int next = 0;
    run->port_fixup = EG_ARENA_ARRAY(run->arena, int, run->nports + 1);
    if (!run->port_fixup) return EG_E_MEMORY;
    for (int port = 0; port < run->nports; port++) {
        run->port_fixup[port] = next;
        for (int i = next; i < run->nfixup; i++) {
            if (port_of(run, &run->fixup[i]) != port) continue;
            eg_fixup fixup = run->fixup[i];
            fixup.at = eg_storage_at(run, fixup.storage);
            run->fixup[i] = run->fixup[next];
            run->fixup[next++] = fixup;
        }
    }
    run->port_fixup[run->nports] = next;
    return EG_OK;
}

void eg_cpu_bind(eg_cpu_run *run, int input) {
    unsigned char *data = (unsigned char *)(uintptr_t)run->program->input[input].data;
    for (int i = run->port_fixup[input]; i < run->port_fixup[input + 1]; i++) {
        unsigned char *at = data + run->fixup[i].at;
        memcpy(run->fixup[i].slot, &at, sizeof at);
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------- */

static eg_status arrange(eg_cpu_run *run, const char *of) {
    EG_TRY(plan_arena(run));
    EG_TRY(dump_plan(run, of));
    plan_constants(run);
    run->constants = eg_calloc(1, run->constant_bytes + READABLE);
    if (!run->constants) return EG_E_MEMORY;
    EG_TRY(fill_constants(run));
    return sort_fixups(run);
}

static int has_room(const eg_cpu_run *run, const eg_cpu_step *step) {
    for (int i = 0; i < step->nuse; i++) {
        const eg_use *use = &run->use[step->first_use + i];
        const eg_storage *root = &run->storage[eg_storage_root(run, use->storage)];
        if (use->write && (root->kind == EG_IN_LOOP || root->bytes != run->storage[use->storage].bytes)) return 0;
    }
    return 1;
}

/* All addresses are known. */
static void settle(eg_cpu_run *run) {
    for (int i = 0; i < run->nfixup; i++) write_address(run, &run->fixup[i]);
    for (int i = 0; i < run->nstep; i++) {
        eg_cpu_step *step = &run->step[i];
        step->roomy = has_room(run, step);
        if (step->bound) step->bound(step);
    }
    decide_parts(run);
}

eg_status eg_cpu_plan(eg_cpu_run *run) {
    EG_TRY(arrange(run, "the program's"));
    run->memory = eg_calloc(1, run->memory_bytes + READABLE);
    if (!run->memory) return EG_E_MEMORY;
    settle(run);
    return make_scratch(run, run->parts);
}

eg_status eg_cpu_plan_loop(eg_cpu_run *loop) {
    EG_TRY(arrange(loop, "a loop's"));
    return make_scratch(loop, loop->threads);
}

void eg_cpu_settle_loop(eg_cpu_run *loop) { settle(loop); }
