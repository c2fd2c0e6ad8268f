// The features of bench/speech by peers, over stretches of 30 s of the same made-up audio: see docs/benchmarks.md.
//   node features.js kaldi PACKAGE MINUTES     Kaldi's 80 bins (int16 scale, povey, snip_edges false, 20 to 7600 Hz) by
//                                              kaldi-native-fbank in sherpa-onnx-node; PACKAGE is its folder, and LD_LIBRARY_PATH
//                                              names that of sherpa-onnx-linux-x64 beside it
//   node features.js whisper PACKAGE MINUTES   Whisper's 80 bins by @huggingface/transformers; PACKAGE is its folder
// sherpa-onnx gives features to nobody but its models: the model here is one that gives back what it is given.
'use strict';
const { serve, fail } = require('./stretches');

const [kind, packageFolder, minutes] = process.argv.slice(2);
const STRETCH = 30 * 16000;

// Noise of a linear congruential generator on a triangle wave, in whole numbers.
function audio(count) {
  const samples = new Float32Array(count);
  let state = 7;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const triangle = Math.abs((i * 440) % 16000 - 8000) - 4000;
    samples[i] = (triangle + (((state >>> 16) - 32768) >> 5)) / 32768;
  }
  return samples;
}

async function whisper() {
  const { WhisperFeatureExtractor } = require(packageFolder);
  const extractor = new WhisperFeatureExtractor({
    feature_size: 80, sampling_rate: 16000, n_fft: 400, hop_length: 160, n_samples: STRETCH, nb_max_frames: 3000,
  });
  return async samples => {
    const { input_features: { data } } = await extractor(samples);
    return frame => Array.from({ length: 80 }, (_, bin) => data[bin * 3000 + frame]);
  };
}

async function kaldi() {
  const fs = require('fs');
  const os = require('os');
  const path = require('path');
  const { SpeakerEmbeddingExtractor } = require(packageFolder);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'features-'));
  try {
    const model = path.join(folder, 'identity.onnx');
    fs.writeFileSync(model, identityModel(3000 * 80));
    const extractor = new SpeakerEmbeddingExtractor({ model, numThreads: 1, debug: 0 });
    return async samples => {
      const stream = extractor.createStream();
      stream.acceptWaveform({ sampleRate: 16000, samples });
      stream.inputFinished();
      const data = extractor.compute(stream);
      return frame => Array.from(data.subarray(frame * 80, frame * 80 + 80));
    };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

// [1, T, 80] to [1, T * 80], in protobuf's encoding, with what sherpa-onnx wants to know of an embedding model.
function identityModel(values) {
  const number = n => (n < 128 ? [n] : [n % 128 + 128, ...number(Math.floor(n / 128))]);
  const field = (id, value) => (typeof value === 'number'
    ? [...number(id * 8), ...number(value)]
    : (bytes => [...number(id * 8 + 2), ...number(bytes.length), ...bytes])(typeof value === 'string' ? [...Buffer.from(value)] : value));
  const tensor = (id, name, ...dimensions) => field(id, [
    ...field(1, name),
    ...field(2, field(1, [...field(1, 1), ...field(2, dimensions.flatMap(d => field(1, typeof d === 'string' ? field(2, d) : field(1, d))))])),
  ]);
  const shape = Buffer.alloc(16);
  shape.writeBigInt64LE(1n, 0);
  shape.writeBigInt64LE(-1n, 8);
  const graph = [
    ...field(1, [...field(1, 'x'), ...field(1, 'shape'), ...field(2, 'y'), ...field(4, 'Reshape')]),
    ...field(2, 'graph'),
    ...field(5, [...field(1, 2), ...field(2, 7), ...field(8, 'shape'), ...field(9, [...shape])]),
    ...tensor(11, 'x', 1, 'T', 80),
    ...tensor(12, 'y', 1, 'D'),
  ];
  const facts = {
    framework: 'wespeaker', language: 'en', url: '', comment: '', sample_rate: '16000', output_dim: `${values}`,
    normalize_samples: '0', feature_normalize_type: '',
  };
  return Buffer.from([
    ...field(1, 8), ...field(7, graph), ...field(8, [...field(1, ''), ...field(2, 17)]),
    ...Object.entries(facts).flatMap(([key, value]) => field(14, [...field(1, key), ...field(2, value)])),
  ]);
}

async function main() {
  const compute = await ({ whisper, kaldi })[kind]();
  const samples = audio(STRETCH);
  await serve(async () => {
    let values;
    for (let i = 0; i < 2 * minutes; i++) values = await compute(samples);
    return JSON.stringify(values(1500));
  });
}

main().catch(fail);
