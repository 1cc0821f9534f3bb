/* SPDX-License-Identifier: MIT
 *
 * One number does not say which classes are taken for which: the table of confusions does (rows: the truth, columns:
 * the guess), and with it precision, recall and F1 of every class.
 *
 * Slides: 003 "Prediction", "Evaluation", "Metrics to monitor performance".
 * command: elegans train -d 'gen:digits?n=2000' -n 'dense 64 relu; dense 10 softmax' -e 2 --out m; elegans evaluate m -d 'gen:digits?n=2000' --report
 * prints: precision
 * prints: the most frequent mistake:
 */
#include <elegans.h>
#include <stdio.h>

int main(void) {
    eg_data *train = eg_data_open("gen:digits?n=3000", "train"), *test = eg_data_open("gen:digits?n=1000", "test");
    eg_model *m = eg_model_parse(EG_SHAPE(28, 28), "dense 64 relu; dense 10 softmax");
    eg_model_compile(m, .optimizer = eg_adam(), .seed = 1);
    eg_model_fit(m, train, .epochs = 4);

    eg_tensor *guess = eg_model_predict_classes(m, eg_data_x(test));
    eg_report report = { 0 };
    int bad = !guess || eg_classification_report(eg_tensor_data(eg_data_y(test)), eg_tensor_data(guess),
                                                 eg_data_rows(test), 10, &report) != EG_OK;
    char *text = bad ? NULL : eg_report_text(&report, NULL);
    if (text) printf("%s", text);
    int truth = 0, taken = 1;
    for (int i = 0; !bad && i < 100; i++)
        if (i / 10 != i % 10 && report.confusion[i] > report.confusion[truth * 10 + taken])
            truth = i / 10, taken = i % 10;
    if (!bad)
        printf("the most frequent mistake: %d for a %d, %lld times; accuracy %.4f\n", taken, truth,
               (long long)report.confusion[truth * 10 + taken], report.accuracy);
    else
        fprintf(stderr, "%s\n", eg_error());
    eg_string_free(text), eg_report_free(&report), eg_tensor_free(guess);
    eg_model_free(m), eg_data_free(train), eg_data_free(test);
    return bad;
}
