// The recognition of bench/speech in sherpa-onnx (its own features, greedy decoding, one thread): see docs/benchmarks.md.
//   node sherpa.js MODEL-FOLDER WORK-FOLDER STRETCHES
'use strict';
const fs = require('fs');
const path = require('path');
const { read, serve, fail } = require('./stretches');

const [model, work, stretchesFile] = process.argv.slice(2);

// sherpa-onnx wants the lengths as an input and an output too. Protobuf messages merge by concatenation, so a graph with only these
// is appended to the demo model's.
function withLengths(onnx) {
  const number = value => {
    const bytes = [];
    for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
    return Buffer.from([...bytes, value]);
  };
  const bytes = (field, content) => Buffer.concat([number((field << 3) | 2), number(content.length), content]);
  const integer = (field, value) => Buffer.concat([number(field << 3), number(value)]);
  const text = (field, value) => bytes(field, Buffer.from(value));
  const INT64 = 7;
  const perStretch = (field, name) => bytes(field, Buffer.concat([
    text(1, name), bytes(2, bytes(1, Buffer.concat([integer(1, INT64), bytes(2, bytes(1, text(2, 'N')))])))]));
  const constant = (name, value) => {
    const data = Buffer.alloc(8);
    data.writeBigInt64LE(BigInt(value));
    return bytes(5, Buffer.concat([integer(1, 1), integer(2, INT64), text(8, name), bytes(9, data)]));
  };
  const node = (operation, inputs, output) => bytes(1, Buffer.concat([
    ...inputs.map(name => text(1, name)), text(2, output), text(4, operation)]));
  return Buffer.concat([onnx, bytes(7, Buffer.concat([
    perStretch(11, 'x_lens'), perStretch(12, 'log_probs_len'), constant('three', 3), constant('four', 4),
    node('Add', ['x_lens', 'three'], 'x_lens_3'), node('Div', ['x_lens_3', 'four'], 'log_probs_len')]))]);
}

async function main() {
  const sherpa = require('sherpa-onnx-node');
  const onnx = path.join(work, 'sherpa.onnx');
  const tokens = path.join(work, 'sherpa-tokens.txt');
  const names = { '<blank>': '<blk>', '<space>': '\u2581' };
  fs.writeFileSync(onnx, withLengths(fs.readFileSync(path.join(model, 'model.onnx'))));
  fs.writeFileSync(tokens, fs.readFileSync(path.join(model, 'tokens.txt'), 'utf8').trimEnd().split('\n')
    .map((token, id) => `${names[token] ?? token} ${id}\n`).join(''));
  const recognizer = new sherpa.OfflineRecognizer({
    featConfig: { sampleRate: 16000, featureDim: 80 },
    modelConfig: { zipformerCtc: { model: onnx }, tokens, numThreads: 1, provider: 'cpu', debug: 0 },
  });
  const stretches = read(stretchesFile);
  await serve(() => stretches.map(samples => {
    const stream = recognizer.createStream();
    stream.acceptWaveform({ sampleRate: 16000, samples });
    recognizer.decode(stream);
    return recognizer.getResult(stream).text;
  }).join(' '));
}

main().catch(fail);
