// SPDX-License-Identifier: MIT
//
// test.mjs: what `make wasm` runs in node. Exit code 77 (skipped) where the modules were not built.
//
//     node web/test.mjs BUILD tests FOLDER ...     tests of the library as programs: kernels, runtime, ...
//     node web/test.mjs BUILD calls                what exports.c offers, and how it fails
//     node web/test.mjs BUILD bits COMMAND         trains here and by the native command: the weights' hashes
//     node web/test.mjs BUILD bench                bench_tiles
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { load, run } from './elegans.mjs';

const SKIPPED = 77;
const [build, what, ...rest] = process.argv.slice(2);

const toTerminal = (file, bytes) => writeSync(file, bytes);
const program = (name, write = toTerminal, args = []) =>
  run(readFileSync(join(build, name)), { args: [name, ...args], env: process.env, write });

/** Each folder's programs; what one wrote is shown if it failed. */
async function tests(folders) {
  const files = readdirSync(join(build, 'tests')).filter((file) => file.endsWith('.wasm') && folders.includes(file.split('_')[0]));
  let failed = 0;
  for (const file of files.sort()) {
    const written = [];
    const code = await program(join('tests', file), (_, bytes) => written.push(bytes)).catch((trap) => trap);
    if (code === 0) continue;
    failed++;
    for (const bytes of written) writeSync(1, bytes);
    console.log(`FAILED ${file}: ${code}`);
  }
  console.log(`tests of ${folders.join(', ')}: ${files.length - failed} programs passed, ${failed} failed`);
  return failed > 0 || files.length === 0 ? 1 : 0;
}

const library = () => load(readFileSync(join(build, 'elegans.wasm')), { write: toTerminal });

function evaluate(elegans, model, data) {
  const at = elegans.put(new Float64Array(2));
  elegans.call('model_evaluate', model, data, at);
  const [loss, accuracy] = new Float64Array(elegans.exports.memory.buffer, at, 2);
  elegans.exports.release(at);
  return { loss, accuracy };
}

async function calls() {
  const elegans = await library(), { exports } = elegans;
  const fails = (says, ...call) => assert.throws(() => elegans.call(...call), { message: says });
  assert.match(elegans.text(exports.version()), /^[0-9]+[.][0-9]+/);
  fails(/spyral.*did you mean 'spiral'/, 'data_open', 'gen:spyral', null, 1);
  fails(/no[.]csv: cannot open/, 'data_open', 'no.csv', null, 1);

  const data = elegans.call('data_open', 'gen:gauss?n=60', 'train', 1), rows = exports.data_rows(data);
  assert.equal(rows, 60);
  fails(/tahn.*did you mean 'tanh'/, 'model_new', data, 'dense 4 tahn', 'adam', 0.1, 1);
  fails(/adan.*did you mean 'adam'/, 'model_new', data, 'dense 2 softmax', 'adan', 0.1, 1);
  const model = elegans.call('model_new', data, 'dense 4 tanh; dense 2 softmax', 'adam', 0.1, 1);
  assert.equal(exports.model_parameters(model), 22);
  const before = elegans.text(exports.model_hash(model)), first = evaluate(elegans, model, data);
  elegans.call('model_fit', model, data, 20, 16);
  assert.notEqual(elegans.text(exports.model_hash(model)), before);
  const { loss, accuracy } = evaluate(elegans, model, data);
  assert.ok(loss < first.loss && accuracy > 0.9);

  const out = elegans.put(new Float32Array(2 * rows));
  elegans.call('model_predict', model, data, exports.data_x(data), rows, out);
  const p = new Float32Array(exports.memory.buffer, out, 2 * rows), y = new Int32Array(exports.memory.buffer, exports.data_y(data), rows);
  const right = y.filter((label, i) => (p[2 * i + 1] > p[2 * i] ? 1 : 0) === label).length;
  assert.equal(right / rows, accuracy);
  exports.release(out);
  exports.model_free(model);
  exports.data_free(data);
  console.log('exports: data, model, fit, evaluate, predict, hash; mistakes come with the library\'s words');
  return 0;
}

// Layers, losses and methods of different kinds; data of different kinds. The second ends where numbers are too small to be normal.
const CONFIGURATIONS = [
  { data: 'gen:spiral?classes=2,n=100', net: 'dense 16 tanh; dense 16 tanh; dense 1 sigmoid', optimizer: 'adam', lr: 0.01, epochs: 100, batch: 16 },
  { data: 'gen:gauss?n=40,noise=0.1', net: 'dense 8 relu; dense 8 relu; dense 1 sigmoid', optimizer: 'adam', lr: 0.1, epochs: 500, batch: 10 },
  { data: 'gen:spiral?classes=3,n=100,noise=0.2', net: 'dense 100 relu; dense 3 softmax', optimizer: 'momentum', lr: 0.1, epochs: 50, batch: 300 },
  { data: 'gen:moons', net: 'dense 12 gelu; dropout .1; dense 8 elu; dense 1 sigmoid', optimizer: 'rmsprop', lr: 0.003, epochs: 20, batch: 10 },
  { data: 'gen:sine', net: 'dense 32 softplus; dense 1', optimizer: 'adamw', lr: 0.01, epochs: 20, batch: 8 },
  { data: 'gen:digits?n=300', net: 'conv 6 5 relu; max_pool; batch_norm; conv 8 3 relu; dense 10 softmax', optimizer: 'adam', lr: 0.003, epochs: 2, batch: 32 },
  { data: 'gen:digits?n=200', net: 'lstm 24; dense 10 softmax', optimizer: 'nadam', lr: 0.003, epochs: 2, batch: 32 },
];

function native(command, c) {
  const words = ['train', '--data', c.data, '--net', c.net, '--optimizer', c.optimizer, '--lr', c.lr, '--epochs', c.epochs,
    '--batch', c.batch, '--seed', 1, '--quiet', '--json'];
  const lines = execFileSync(command, words.map(String), { env: { ...process.env, EG_KERNELS: 'portable' }, maxBuffer: 1 << 26 }).toString().trim().split('\n');
  return JSON.parse(lines.at(-1)).weights_sha256;
}

async function bits(command) {
  const elegans = await library();
  let different = 0;
  for (const c of CONFIGURATIONS) {
    const data = elegans.call('data_open', c.data, null, 1);
    const model = elegans.call('model_new', data, c.net, c.optimizer, c.lr, 1);
    elegans.call('model_fit', model, data, c.epochs, c.batch);
    const here = elegans.text(elegans.exports.model_hash(model)), there = native(command, c);
    const { loss, accuracy } = evaluate(elegans, model, data);
    elegans.call('model_free', model);
    elegans.call('data_free', data);
    console.log(`${here === there ? 'same bits' : 'DIFFERENT'} ${here.slice(0, 16)} ${c.data}: ${c.net}; ${c.optimizer}: loss ${loss.toPrecision(3)}, accuracy ${accuracy.toFixed(3)}`);
    if (here !== there) different++;
  }
  return different ? 1 : 0;
}

async function bench() {
  setFlagsFromString('--no-liftoff'); // optimised from the first call on, as a page's is after a moment
  return program('bench_tiles.wasm');
}

if (!existsSync(join(build, 'elegans.wasm'))) {
  console.log('skipped: web: not built (make wasm)');
  process.exit(SKIPPED);
}
process.exitCode = await { tests: () => tests(rest), calls, bits: () => bits(rest[0]), bench }[what]();
