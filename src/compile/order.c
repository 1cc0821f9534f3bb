/* SPDX-License-Identifier: MIT
 *
 * order.c: topological sorting with a preference, for passes that decide what runs when. Kahn's method with a heap
 * of what is ready, so that the result depends on the edges and keys only, never on addresses.
 */
#include "compile/pass.h"
#include "base/alloc.h"
#include "base/status.h"

typedef struct sorter {
    const int64_t *key;
    int *waits;      /* [n]: edges into it that are not done */
    int *first;      /* [n + 1]: its successors are after[first[i] .. first[i + 1]) */
    int *after;      /* [m] */
    int *heap, size; /* what is ready, smallest key on top */
} sorter;

static int is_sooner(const sorter *s, int a, int b) {
    return s->key[a] != s->key[b] ? s->key[a] < s->key[b] : a < b;
}

static void push(sorter *s, int item) {
    int at = s->size++;
    for (int up = (at - 1) / 2; at > 0 && is_sooner(s, item, s->heap[up]); at = up, up = (at - 1) / 2)
        s->heap[at] = s->heap[up];
    s->heap[at] = item;
}

static int pop(sorter *s) {
    int top = s->heap[0], item = s->heap[--s->size], at = 0;
    for (int child = 1; child < s->size; at = child, child = 2 * at + 1) {
        if (child + 1 < s->size && is_sooner(s, s->heap[child + 1], s->heap[child])) child++;
        if (!is_sooner(s, s->heap[child], item)) break;
        s->heap[at] = s->heap[child];
    }
    s->heap[at] = item;
    return top;
}

/* Lists each thing's successors side by side. */
static void link_up(sorter *s, int n, int (*edge)[2], int m) {
    for (int e = 0; e < m; e++) {
        s->waits[edge[e][1]]++;
        s->first[edge[e][0]]++;
    }
    for (int i = 0, sum = 0; i <= n; i++) {
        sum += s->first[i];
        s->first[i] = sum; /* the end of its list; filling moves it to the start */
    }
    for (int e = 0; e < m; e++) s->after[--s->first[edge[e][0]]] = edge[e][1];
}

static eg_status sort(sorter *s, int n, int *order) {
    int done = 0;
    for (int i = 0; i < n; i++)
        if (s->waits[i] == 0) push(s, i);
    while (s->size > 0) {
        int next = pop(s);
        order[done++] = next;
        for (int i = s->first[next]; i < s->first[next + 1]; i++)
            if (--s->waits[s->after[i]] == 0) push(s, s->after[i]);
    }
    return done == n ? EG_OK : eg_fail(EG_E_INTERNAL, "order: a cycle");
}

eg_status eg_order(int n, int (*edge)[2], int m, const int64_t *key, int *order) {
    sorter s = { .key = key };
    int *numbers = eg_calloc(3 * ((size_t)n + 1) + (size_t)m, sizeof *numbers);
    if (!numbers) return EG_E_MEMORY;
    s.waits = numbers;
    s.first = s.waits + (n + 1);
    s.heap = s.first + (n + 1);
    s.after = s.heap + (n + 1);
    link_up(&s, n, edge, m);
    eg_status status = sort(&s, n, order);
    eg_free(numbers);
    return status;
}
