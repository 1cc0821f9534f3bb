/* SPDX-License-Identifier: MIT
 *
 * elegans/data.h: data sets and the preprocessing that is fitted on them. A data set holds samples x [n, ...] (bytes
 * stay bytes until their batch), targets y (class numbers i32 [n], or f32 [n, outputs]) and what they are called.
 *
 *     eg_data *d = eg_data_open("iris.csv", NULL);
 *
 * Data sets are poisoned like graphs: opening never returns NULL (but without memory); check eg_data_status.
 */
#ifndef ELEGANS_DATA_H
#define ELEGANS_DATA_H

#include <elegans/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_data eg_data;

typedef enum eg_task { EG_TASK_NONE, EG_TASK_CLASSIFICATION, EG_TASK_REGRESSION } eg_task;

/* What happens to a gap (empty or "?") in a feature of a CSV file. Unless it is an error, the sample holds a NaN there,
 * which the model replaces by a number that is fitted to the training rows; a gap in a column of text is 0 in all of
 * its features. */
typedef enum eg_missing {
    EG_MISSING_ERROR, EG_MISSING_MEAN, EG_MISSING_MEDIAN, EG_MISSING_FREQUENT, EG_MISSING_KINDS
} eg_missing;

/* How texts become samples: as a text to go on with (eg_data_from_text, "text:"), or a CSV column of texts. */
typedef enum eg_token_unit { EG_TOKEN_CHARACTER, EG_TOKEN_WORD } eg_token_unit;
typedef struct eg_vocabulary eg_vocabulary;
typedef struct eg_text_opt {
    size_t size_;
    const char *column; /* CSV: the one that is read, as texts: numbers from 1 on, 0 for padding in front */
    eg_token_unit unit;
    int64_t steps; /* tokens of a sample (64; of a column: the longest text); of longer texts in a column the last count */
    int64_t rows;  /* parts of a text that are read side by side (32, fewer of a short text) */
    int64_t every; /* every so many-th line is held out, and lines come in random order; 0: the last tenth is */
    int64_t most;  /* tokens in the vocabulary; 0: all */
    int unknown;   /* the vocabulary has a number for all others */
    const eg_vocabulary *vocabulary; /* a model's (eg_model_vocabulary); NULL: made of this text */
} eg_text_opt;

typedef struct eg_data_opt {
    size_t size_;
    const char *target;     /* CSV: column name or number from 1; NULL: the last column, "-": there is none */
    eg_task task;           /* 0: classes for text or few whole numbers, else regression */
    int no_header;          /* CSV: the first line is data (0: detected) */
    char delimiter;         /* CSV: 0: detected among , ; tab */
    uint64_t seed;          /* generated sets */
    int allow_download;     /* mnist: may fetch it (only where a program has a network hook, eg_data_set_fetch) */
    /* Predicting with a model: read these features (as eg_data_column_name gave them), in this order, wherever their columns are
     * (in a table without names: the columns in order), and map class names to these numbers. Others are not read. */
    const char *const *columns;
    int n_columns;
    const char *const *classes;
    int n_classes;
    eg_missing missing;   /* CSV: predicting with a model: eg_model_missing */
    int indicate_missing; /* CSV: a column with gaps gets a feature "column=?" beside it, 1 where there is one */
    eg_text_opt text;     /* how a text is read */
    /* Images: [height, width], to which all are resized (eg_image_resize); with [height, width, channels] all become grey
     * (1) or colour (3), too. Rank 0: they keep theirs, and all must have the same. */
    eg_shape image_size;
} eg_data_opt;

/* `source` is one of
 *   a CSV file, or "-" for CSV on standard input. Columns of numbers are features; a column of text becomes one feature
 *     "column=value" per value (1 or 0; at most 64 values). A gap (empty or "?") is an error that names the cell, unless
 *     the options say how it is filled;
 *   a folder with IDX files (train-images-idx3-ubyte[.gz], ..., t10k-...): `part` is "train" or "test";
 *   one IDX file of images (labels by its sibling name; without one there are no targets);
 *   a folder with a folder of images (PNG, JPEG) for each class: samples are u8 [height, width, channels], 1 channel of grey
 *     or 3 of colour, classes are the names of their folders. Folders `train` and `test` in it, each with such folders, are
 *     the parts. A folder of images without folders, or one image file, has no targets. UNAVAILABLE where the build has no
 *     libpng, or no libjpeg;
 *   "mnist": the folder in $ELEGANS_DATA, $ELEGANS_DATA/mnist, ../shared/data/mnist, or the user's cache
 *     ($XDG_CACHE_HOME or ~/.cache, then elegans/mnist);
 *   "gen:NAME?key=value,...": a generated set; `part` "test" draws other samples of the same distribution. Keys: n (samples,
 *     per class for spiral), noise (a standard deviation), seed, and where in brackets classes, dims:
 *       xor (n 4: the corners in turn)   spiral [classes 3]   circles [classes 2]   moons   gauss [classes 2, dims 2]
 *       linear [dims 1], sine: regression   digits (n 20000): drawn with strokes, jitter and noise, 28x28 bytes;
 *   "text:FILE?key=value,...": a text to go on with (eg_data_from_text), the file also looked for in $ELEGANS_DATA, its
 *     "text", and ../shared/data/text. Keys: steps, rows, every, most, unit (characters, words).
 * `part` NULL is "train" where a set has parts. Classes are sorted: numbers by size, text by bytes. */
EG_API eg_data *eg_data_open_(const char *source, const char *part, eg_data_opt opt);
#define eg_data_open(...) EG_DATA_OPEN_(__VA_ARGS__, .size_ = sizeof(eg_data_opt))
#define EG_DATA_OPEN_(source, part, ...) eg_data_open_(source, part, (eg_data_opt){ __VA_ARGS__ })
/* Whether `source` has that part, "train" or "test"; a file is all "train". */
EG_API int eg_data_has_part(const char *source, const char *part);
/* Copies x [n, ...] (f32 or u8) and y (i32 or u8 [n] with classes > 0, [n, steps] with a class for each step of a sequence,
 * or f32 [n] / [n, outputs] with classes 0); y may be NULL. x [n] becomes [n, 1]. */
EG_API eg_data *eg_data_from(const eg_tensor *x, const eg_tensor *y, int classes);
/* A text (UTF-8) to go on with: samples of `steps` tokens x [n, steps], whose targets y i32 [n, steps] are the tokens after
 * them; the classes are the vocabulary's. The text is cut into `rows` parts: batches of so many rows, in order, go on where
 * the batch before ended, as stateful layers want it; what fills no batch is left out. part: "train", "test", NULL for all;
 * the vocabulary is of both. */
EG_API eg_data *eg_data_from_text_(const char *text, size_t size, const char *part, eg_text_opt opt);
#define eg_data_from_text(...) EG_DATA_FROM_TEXT_(__VA_ARGS__, .size_ = sizeof(eg_text_opt))
#define EG_DATA_FROM_TEXT_(text, size, part, ...) eg_data_from_text_(text, size, part, (eg_text_opt){ __VA_ARGS__ })
/* How texts were read, what was chosen and the vocabulary included; NULL for other data. Borrowed. */
EG_API const eg_text_opt *eg_data_text(const eg_data *data);
EG_API void eg_data_free(eg_data *data); /* NULL is fine; views share and count their source */

EG_API eg_status eg_data_status(const eg_data *data);
EG_API const char *eg_data_error(const eg_data *data);
EG_API int64_t eg_data_rows(const eg_data *data);
EG_API eg_shape eg_data_sample_shape(const eg_data *data); /* of one x */
EG_API const eg_tensor *eg_data_x(const eg_data *data);
EG_API const eg_tensor *eg_data_y(const eg_data *data); /* i32 [n] or [n, steps], f32 [n, outputs]; NULL without targets */
EG_API eg_task eg_data_task(const eg_data *data);          /* NONE without targets */
EG_API int eg_data_classes(const eg_data *data);           /* 0 for regression */
EG_API int eg_data_outputs(const eg_data *data);           /* classes, or the width of y */
EG_API const char *eg_data_class_name(const eg_data *data, int index);
EG_API int eg_data_columns(const eg_data *data);           /* CSV: feature columns; 0 otherwise */
EG_API const char *eg_data_column_name(const eg_data *data, int index);
EG_API const char *eg_data_target_name(const eg_data *data); /* CSV; NULL otherwise */
/* Images: the file, from the folder on ("cats/1.png"); NULL otherwise. */
EG_API const char *eg_data_row_name(const eg_data *data, int64_t row);
/* "iris.csv (CSV, 150 rows)", "gen:digits (drawn by elegans, train part)" */
EG_API const char *eg_data_source(const eg_data *data);
/* [n] weights of the samples, finite and >= 0, copied; NULL removes them. Views and copies of rows keep theirs. */
EG_API eg_status eg_data_set_weights(eg_data *data, const float *weights, int64_t n);
EG_API const float *eg_data_weights(const eg_data *data);
/* The first row with a NaN or infinity in x or y, -1 if all is finite. */
EG_API int64_t eg_data_first_bad_row(const eg_data *data);

EG_API eg_missing eg_data_missing(const eg_data *data); /* how its gaps are to be filled */

/* Rows [from, to) as a view; chosen rows as a copy. */
EG_API eg_data *eg_data_range(const eg_data *data, int64_t from, int64_t to);
EG_API eg_data *eg_data_take(const eg_data *data, const int64_t *rows, int64_t n);
/* Splits at random, keeping the share of each class: *first gets about `share` (0 < share < 1) of the rows. Both parts are
 * shuffled, and neither is empty. On failure both are NULL. */
EG_API eg_status eg_data_split(const eg_data *data, double share, uint64_t seed, eg_data **first, eg_data **second);
/* Cross-validation: fold number `fold` of `folds` (2 or more) is held out, the rest is for training. Every row is held out in
 * one fold; folds have their share of every class. ARGUMENT error for numbers that do not fit the rows. */
EG_API eg_status eg_data_fold(const eg_data *data, int folds, int fold, uint64_t seed, eg_data **train, eg_data **held_out);

/* ---- preprocessing: fitted on training data, stored with the model --------------------------------------- */

/* X(NAME, "name", what it does with a sample x). Percentiles are interpolated linearly; variances have ddof 0; a column
 * without spread is left at 0, not divided. */
#define EG_SCALING_LIST(X)                                                                                      \
    X(AUTO, "auto", "bytes for u8, standardise for CSV columns, none otherwise")                                \
    X(NONE, "none", "x")                                                                                        \
    X(BYTES, "bytes", "x / 255")                                                                                \
    X(STANDARDISE, "standardise", "(x - mean) / standard deviation")                                            \
    X(MIN_MAX, "min_max", "(x - least) / (greatest - least): to [0, 1]")                                        \
    X(ROBUST, "robust", "(x - median) / (third - first quartile)")                                              \
    X(QUANTILE, "quantile", "the share of training values below x, piecewise linear between percentiles")       \
    X(QUANTILE_NORMAL, "quantile_normal", "the normal deviate of that share, kept within +-5.17")                \
    X(PCA, "pca", "(x - mean) U: the coordinates along the k directions of largest variance")                   \
    X(WHITEN, "whiten", "(x - mean) U / sqrt(variance + epsilon): PCA whitening")                               \
    X(ZCA, "zca", "(x - mean) U / sqrt(variance + epsilon) U': whitened and turned back, closest to x")

typedef enum eg_scaling {
#define EG_SCALING_ENUM_(NAME, name, formula) EG_SCALING_##NAME,
    EG_SCALING_LIST(EG_SCALING_ENUM_)
#undef EG_SCALING_ENUM_
    EG_SCALING_KINDS
} eg_scaling;
/* The scalings that are (x - shift) * scale for each element (none to robust): writes shift and scale (size of one
 * sample each); `chosen`, what AUTO became, may be NULL. DATA error where a value is not finite. */
EG_API eg_status eg_scaling_fit(eg_scaling kind, const eg_data *data, float *shift, float *scale, eg_scaling *chosen);
EG_API const char *eg_scaling_name(eg_scaling kind);
EG_API eg_status eg_scaling_named(const char *name, eg_scaling *out);

typedef struct eg_scaling_opt {
    size_t size_;
    int64_t components; /* pca, whiten, zca: how many directions are kept; 0: all */
    double variance;    /* the fewest that hold this share of the variance (and at most `components`); 0: all */
    double epsilon;     /* whiten, zca: added to the variances (1e-5; EG_ZERO: none) */
    int quantiles;      /* quantile: points of the table (100, but no more than rows) */
    eg_scaling first;   /* pca, whiten, zca: their directions are those of data that are standardised, min_max or robust */
} eg_scaling_opt;

/* A fitted scaling of any kind, to use by itself; eg_model_fit makes its own and keeps it in the model. */
typedef struct eg_preprocess eg_preprocess;
EG_API eg_preprocess *eg_preprocess_fit_(eg_scaling kind, const eg_data *data, eg_scaling_opt opt); /* NULL on failure */
#define eg_preprocess_fit(...) EG_PREPROCESS_FIT_(__VA_ARGS__, .size_ = sizeof(eg_scaling_opt))
#define EG_PREPROCESS_FIT_(kind, data, ...) eg_preprocess_fit_(kind, data, (eg_scaling_opt){ __VA_ARGS__ })
EG_API void eg_preprocess_free(eg_preprocess *fitted);
EG_API eg_scaling eg_preprocess_kind(const eg_preprocess *fitted);
/* What was fitted, f32, NULL if the kind has no such part: "shift" and "scale" (of a sample's shape), "matrix" [d,k],
 * "variance" [k] (of each direction), "quantiles" [points,d]. d: elements of a sample. Borrowed. */
EG_API const eg_tensor *eg_preprocess_part(const eg_preprocess *fitted, const char *name);
/* Samples x [n, ...] (f32 or u8) as f32 [n, d], or [n, k] after pca and whiten; computed in float64. */
EG_API eg_tensor *eg_preprocess_apply(const eg_preprocess *fitted, const eg_tensor *x);

/* What gaps (NaN) are replaced by, for each element of a sample: the mean, median or most frequent (of equally frequent
 * ones the smallest) of the values that are there, 0 where there is none. fill: size of one sample. */
EG_API eg_status eg_missing_fit(eg_missing kind, const eg_data *data, float *fill);
EG_API eg_status eg_missing_named(const char *name, eg_missing *out); /* "error", "mean", "median", "frequent" */
EG_API const char *eg_missing_name(eg_missing kind);

/* ---- text ------------------------------------------------------------------------------------------------- */

/* A vocabulary numbers the tokens of a text (UTF-8): characters, sorted by code; or words, the most frequent first. A
 * word is a run of letters, digits and '; each other character is a token of its own, but blanks only part them. */
typedef struct eg_vocabulary_opt {
    size_t size_;
    eg_token_unit unit;
    int most;    /* keep only so many tokens, the most frequent; 0: all. Implies `unknown` when some are left out */
    int unknown; /* the last number stands for all tokens that have none; without it they are errors */
} eg_vocabulary_opt;
EG_API eg_vocabulary *eg_vocabulary_fit_(const char *text, size_t size, eg_vocabulary_opt opt); /* NULL on failure */
#define eg_vocabulary_fit(...) EG_VOCABULARY_FIT_(__VA_ARGS__, .size_ = sizeof(eg_vocabulary_opt))
#define EG_VOCABULARY_FIT_(text, size, ...) eg_vocabulary_fit_(text, size, (eg_vocabulary_opt){ __VA_ARGS__ })
/* Of tokens that are known, in order of their numbers. */
EG_API eg_vocabulary *eg_vocabulary_new(eg_token_unit unit, const char *const *tokens, int n, int unknown);
EG_API void eg_vocabulary_free(eg_vocabulary *vocabulary);
EG_API int eg_vocabulary_size(const eg_vocabulary *vocabulary); /* numbers in use, that of the unknown included */
EG_API eg_token_unit eg_vocabulary_unit(const eg_vocabulary *vocabulary);
EG_API int eg_vocabulary_has_unknown(const eg_vocabulary *vocabulary);
EG_API const char *eg_vocabulary_token(const eg_vocabulary *vocabulary, int number); /* "" for the unknown */
/* The text's tokens as numbers, i32 [tokens]; DATA error for an unknown token, with line and column. */
EG_API eg_tensor *eg_vocabulary_encode(const eg_vocabulary *vocabulary, const char *text, size_t size);
/* Numbers as text: words with blanks between them where they would run together, the unknown as U+FFFD. Allocated,
 * free with eg_string_free. */
EG_API char *eg_vocabulary_decode(const eg_vocabulary *vocabulary, const int32_t *numbers, int64_t n);

/* ---- images ------------------------------------------------------------------------------------------------ */

/* Images [n,height,width] or [n,height,width,channels], u8 or f32; each function gives a new tensor of the same dtype. */

/* To another size, with the triangle filter that widens when it shrinks (Pillow's BILINEAR, antialiased). */
EG_API eg_tensor *eg_image_resize(const eg_tensor *images, int64_t height, int64_t width);
/* As MNIST was made: cuts out what is not 0, scales its longer side to `box` pixels (0: keeps its size), and puts its
 * centre of mass in the middle of height x width, to the pixel. MNIST itself: 28, 28, 20. */
EG_API eg_tensor *eg_image_centre(const eg_tensor *images, int64_t height, int64_t width, int64_t box);

/* Random changes of training samples, drawn anew for each (seed, epoch, row). What moves in from outside is 0. */
typedef struct eg_augment {
    int shift;     /* whole pixels, -shift .. shift along both axes */
    double rotate; /* degrees, -rotate .. rotate about the middle, bilinear */
    int flip;      /* left and right change places in one of two samples */
    double noise;  /* standard deviation of what is added to every element, in the samples' units; for any samples */
} eg_augment;
/* The samples as epoch `epoch` (from 0) of a fit with that seed sees them, row by row. */
EG_API eg_tensor *eg_augment_samples(const eg_tensor *x, eg_augment augment, uint64_t seed, int epoch);

/* How a program fetches a file from a network (the library has no network of its own): writes the content of `url` to
 * `path`, returns a status (eg_data_open goes on with the next mirror unless it is STOPPED). NULL, the default: none. */
EG_API void eg_data_set_fetch(eg_status (*fetch)(void *user, const char *url, const char *path), void *user);

#ifdef __cplusplus
}
#endif
#endif
