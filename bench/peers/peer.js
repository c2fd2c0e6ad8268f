// The inference of bench/isolation in Node, in a fresh process for each call (child_process.fork): see docs/benchmarks.md.
//   node peer.js PACKAGE MODEL FEATURES BINS    answers each line from stdin with a line of JSON: the milliseconds from
//                                               call to result and the ids. PACKAGE is the folder of onnxruntime-node.
'use strict';
const { fork } = require('child_process');

const [ortPackage, model, features, bins] = process.argv.slice(2);

async function infer() {
  const ort = require(ortPackage);
  const bytes = require('fs').readFileSync(features);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const session = await ort.InferenceSession.create(model, { executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1 });
  const input = new ort.Tensor('float32', values, [1, values.length / +bins, +bins]);
  const { log_probs: { data, dims: [, frames, tokens] } } = await session.run({ features: input });
  const ids = [];
  for (let frame = 0; frame < frames; frame++) {
    let best = 0;
    for (let token = 1; token < tokens; token++) {
      if (data[frame * tokens + token] > data[frame * tokens + best]) best = token;
    }
    ids.push(best);
  }
  return ids;
}

function byFork() {
  return new Promise((resolve, reject) => {
    let ids;
    const child = fork(__filename, process.argv.slice(2), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.on('message', message => { ids = message; });
    child.on('exit', code => (ids ? resolve(ids) : reject(new Error(`exit code ${code}`))));
  });
}

async function main() {
  if (process.send) {
    process.send(await infer(), () => process.disconnect());
    return;
  }
  for await (const _ of require('readline').createInterface({ input: process.stdin })) {
    const begun = process.hrtime.bigint();
    const ids = await byFork();
    console.log(JSON.stringify({ milliseconds: Number(process.hrtime.bigint() - begun) / 1e6, ids }));
  }
}

main().catch(error => {
  console.error(error.message);
  process.exit(1);
});
