// The decode loop of bench/language as a plain script for onnxruntime-node (keys and values of each step go into the next one as they
// are, the likeliest token each time): see docs/benchmarks.md.
//   node generate.js PACKAGE MODEL.ONNX PROMPT-IDS TOKENS THREADS       PACKAGE is the folder of onnxruntime-node, PROMPT-IDS are JSON
'use strict';
const { serve, fail } = require('./stretches');

const [ortPackage, model, promptJson, tokens, threads] = process.argv.slice(2);

async function main() {
  const ort = require(ortPackage);
  const prompt = JSON.parse(promptJson);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'], intraOpNumThreads: +threads, interOpNumThreads: 1,
  });

  // Of Optimum (past_key_values.0.key, present.0.key) and of onnxruntime-genai (past_0, present_0).
  const inputs = Object.fromEntries(session.inputMetadata.map(input => [input.name, input]));
  const pasts = Object.keys(inputs).filter(name => name.startsWith('past'))
    .map(name => [name, name.replace('past_key_values', 'present').replace('past', 'present')]);
  const { type } = inputs.input_ids;
  const Ids = type === 'int64' ? BigInt64Array : Int32Array;
  const id = type === 'int64' ? BigInt : Number;
  const total = prompt.length + +tokens;
  const ones = new Ids(total).fill(id(1));
  const promptIds = Ids.from(prompt.map(id));
  const positions = Ids.from({ length: total }, (_, i) => id(i));
  const none = Object.fromEntries(pasts.map(([name]) => {
    const dims = inputs[name].shape.map(size => (typeof size === 'number' ? size : size.startsWith('batch') ? 1 : 0));
    return [name, new ort.Tensor(inputs[name].type, new Float32Array(0), dims)];
  }));

  await serve(async () => {
    const out = [];
    let cache = none;
    let next = promptIds;
    for (let length = 0; out.length < +tokens;) {
      const feeds = { ...cache, input_ids: new ort.Tensor(type, next, [1, next.length]) };
      if (inputs.position_ids) {
        feeds.position_ids = new ort.Tensor(type, positions.subarray(length, length + next.length), [1, next.length]);
      }
      length += next.length;
      feeds.attention_mask = new ort.Tensor(type, ones.subarray(0, length), [1, length]);
      const results = await session.run(feeds);
      const { data, dims } = results.logits;
      const width = dims[2];
      const last = data.length - width;
      let best = 0;
      let bestValue = data[last];
      for (let i = 1; i < width; i++) {
        const value = data[last + i];
        if (value > bestValue) {
          best = i;
          bestValue = value;
        }
      }
      out.push(best);
      next = Ids.of(id(best));
      cache = {};
      for (const [past, present] of pasts) cache[past] = results[present];
    }
    return JSON.stringify(out);
  });
}

main().catch(fail);
