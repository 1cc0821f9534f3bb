// SPDX-License-Identifier: MIT
//
// elegans.mjs: WebAssembly modules of this folder in a page, a worker or node. They were linked against a small C library that
// asks its host for a few things by WASI's names; of those this file gives a clock, arguments, environment and a place to
// write to, and answers "not here" to all others: there are no files.
//
//     const elegans = await load(bytes);                      // bytes of elegans.wasm, or a Response
//     const data = elegans.call('data_open', 'gen:moons', null, 1);
//     const model = elegans.call('model_new', data, 'dense 8 tanh; dense 1 sigmoid', 'adam', .01, 1);
//     elegans.call('model_fit', model, data, 10, 16);
//     console.log(elegans.text(elegans.exports.model_hash(model)));

const OK = 0, BAD_FILE = 8, NOT_HERE = 52; // WASI's error numbers

/** Thrown when a program ends by itself. */
export class Exit extends Error {
  constructor(code) {
    super(`the program ended with code ${code}`);
    this.code = code;
  }
}

/** What a module may ask for; `memory` is set by who has made the instance. */
function system({ write = () => {}, args = ['elegans'], env = {} }) {
  const host = { memory: null };
  const view = () => new DataView(host.memory.buffer);
  const bytes = (at, n) => new Uint8Array(host.memory.buffer, at, n);
  const encoded = (texts) => texts.map((text) => new TextEncoder().encode(`${text}\0`));
  const lists = { args: encoded(args), environ: encoded(Object.entries(env).map(([name, value]) => `${name}=${value}`)) };

  const sizes = (list) => (count, size) => {
    view().setUint32(count, list.length, true);
    view().setUint32(size, list.reduce((sum, text) => sum + text.length, 0), true);
    return OK;
  };
  const get = (list) => (pointers, at) => {
    for (const text of list) {
      view().setUint32(pointers, at, true);
      bytes(at, text.length).set(text);
      pointers += 4;
      at += text.length;
    }
    return OK;
  };

  host.functions = {
    args_sizes_get: sizes(lists.args),
    args_get: get(lists.args),
    environ_sizes_get: sizes(lists.environ),
    environ_get: get(lists.environ),
    clock_time_get: (clock, precision, at) => {
      const now = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(at, BigInt(Math.round(now * 1e6)), true);
      return OK;
    },
    fd_write: (file, parts, n, written) => {
      let size = 0;
      for (let i = 0; i < n; i++) {
        const at = view().getUint32(parts + 8 * i, true), length = view().getUint32(parts + 8 * i + 4, true);
        write(file, bytes(at, length).slice());
        size += length;
      }
      view().setUint32(written, size, true);
      return OK;
    },
    fd_fdstat_get: (file, at) => {
      if (file > 2) return BAD_FILE;
      bytes(at, 24).fill(0);
      view().setUint8(at, 2); // a character device
      return OK;
    },
    fd_prestat_get: () => BAD_FILE, // no folder is open
    proc_exit: (code) => {
      throw new Exit(code);
    },
  };
  return host;
}

async function instance(source, options) {
  const module = source instanceof WebAssembly.Module ? source
    : typeof Response !== 'undefined' && source instanceof Response ? await WebAssembly.compileStreaming(source)
    : await WebAssembly.compile(source);
  const host = system(options), imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module))
    (imports[from] ??= {})[name] = host.functions[name] ?? (() => NOT_HERE);
  const made = await WebAssembly.instantiate(module, imports);
  host.memory = made.exports.memory;
  return made.exports;
}

/** Runs a program to its end; its exit code. Options: write(file, bytes), args, env. */
export async function run(source, options = {}) {
  const exports = await instance(source, options);
  try {
    exports._start();
    return 0;
  } catch (end) {
    if (end instanceof Exit) return end.code;
    throw end;
  }
}

/** Loads elegans.wasm. */
export async function load(source, options = {}) {
  const exports = await instance(source, options);
  exports._initialize();

  /** The text at an address; null at 0. */
  const text = (at) => {
    if (!at) return null;
    const all = new Uint8Array(exports.memory.buffer, at);
    return new TextDecoder().decode(all.slice(0, all.indexOf(0)));
  };
  /** The address of a copy, to be given back to exports.release. */
  const put = (value) => {
    const content = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const at = exports.allocate(content.length);
    if (!at) throw new Error(`no memory for ${content.length} bytes`);
    new Uint8Array(exports.memory.buffer).set(content, at);
    return at;
  };
  /** Calls an export; strings and typed arrays go in as copies. Throws the library's message if it failed. */
  const call = (name, ...values) => {
    const copies = [];
    const numbers = values.map((value) => {
      if (value === null || typeof value === 'number') return value ?? 0;
      copies.push(put(value));
      return copies.at(-1);
    });
    try {
      const result = exports[name](...numbers);
      const failed = /_(new|open)$/.test(name) ? result === 0 : result < 0;
      if (failed) throw new Error(text(exports.error()));
      return result;
    } finally {
      for (const at of copies) exports.release(at);
    }
  };
  return { exports, text, put, call };
}
