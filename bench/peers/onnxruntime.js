// The recognition of bench/speech as a plain script for onnxruntime-node (the demo model's features, greedy decoding, one thread): see
// docs/benchmarks.md.
//   node onnxruntime.js PACKAGE MODEL-FOLDER STRETCHES       PACKAGE is the folder of onnxruntime-node
'use strict';
const fs = require('fs');
const path = require('path');
const { read, serve, fail } = require('./stretches');

const [ortPackage, model, stretchesFile] = process.argv.slice(2);

/** Log-mel features as model.json of the demo model describes them. */
function extractor({ windowLength, hopLength, fftLength, bins, lowHz, highHz, logFloor, dynamicRange, scale }, sampleRate) {
  const window = Float64Array.from({ length: windowLength }, (_, i) => 0.5 - 0.5 * Math.cos(2 * Math.PI * i / windowLength));
  const mel = hertz => 1127 * Math.log(1 + hertz / 700);
  const step = (mel(highHz) - mel(lowHz)) / (bins + 1);
  const filters = Array.from({ length: bins }, (_, bin) => {
    const weights = [];
    for (let k = 0; k <= fftLength / 2; k++) {
      const weight = 1 - Math.abs(mel(k * sampleRate / fftLength) - mel(lowHz) - (bin + 1) * step) / step;
      if (weight > 0) weights.push([k, weight]);
    }
    return weights;
  });
  const reversed = new Int32Array(fftLength);
  for (let i = 1; i < fftLength; i++) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? fftLength >> 1 : 0);
  const cos = Float64Array.from({ length: fftLength / 2 }, (_, i) => Math.cos(2 * Math.PI * i / fftLength));
  const sin = Float64Array.from({ length: fftLength / 2 }, (_, i) => -Math.sin(2 * Math.PI * i / fftLength));
  const re = new Float64Array(fftLength);
  const im = new Float64Array(fftLength);
  const power = new Float64Array(fftLength / 2 + 1);

  return samples => {
    const frames = samples.length < windowLength ? 0 : 1 + Math.floor((samples.length - windowLength) / hopLength);
    const out = new Float32Array(frames * bins);
    let highest = -Infinity;
    for (let frame = 0; frame < frames; frame++) {
      im.fill(0);
      for (let i = 0; i < fftLength; i++) {
        const from = reversed[i];
        re[i] = from < windowLength ? samples[frame * hopLength + from] * window[from] : 0;
      }
      for (let size = 2; size <= fftLength; size *= 2) {
        const half = size / 2;
        const stride = fftLength / size;
        for (let start = 0; start < fftLength; start += size) {
          for (let i = 0; i < half; i++) {
            const a = start + i;
            const b = a + half;
            const c = cos[i * stride];
            const s = sin[i * stride];
            const r = re[b] * c - im[b] * s;
            const m = re[b] * s + im[b] * c;
            re[b] = re[a] - r;
            im[b] = im[a] - m;
            re[a] += r;
            im[a] += m;
          }
        }
      }
      for (let k = 0; k < power.length; k++) power[k] = re[k] * re[k] + im[k] * im[k];
      for (let bin = 0; bin < bins; bin++) {
        let sum = logFloor;
        for (const [k, weight] of filters[bin]) sum += power[k] * weight;
        const value = Math.log(sum);
        out[frame * bins + bin] = value;
        if (value > highest) highest = value;
      }
    }
    const mean = new Float64Array(bins);
    for (let i = 0; i < out.length; i++) {
      out[i] = Math.max(out[i], highest - dynamicRange);
      mean[i % bins] += out[i] / frames;
    }
    for (let i = 0; i < out.length; i++) out[i] = (out[i] - mean[i % bins]) * scale;
    return out;
  };
}

async function main() {
  const ort = require(ortPackage);
  const manifest = JSON.parse(fs.readFileSync(path.join(model, 'model.json'), 'utf8'));
  const tokens = fs.readFileSync(path.join(model, manifest.ctc.tokens), 'utf8').trimEnd().split('\n');
  const session = await ort.InferenceSession.create(path.join(model, manifest.ctc.model), {
    executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1,
  });
  const features = extractor(manifest.features, manifest.sampleRate);
  const stretches = read(stretchesFile);
  await serve(async () => {
    const texts = [];
    for (const samples of stretches) {
      const values = features(samples);
      const { bins } = manifest.features;
      const input = new ort.Tensor('float32', values, [1, values.length / bins, bins]);
      const { [manifest.ctc.output]: { data, dims: [, frames, width] } } = await session.run({ [manifest.ctc.input]: input });
      let text = '';
      let before = manifest.ctc.blank;
      for (let frame = 0; frame < frames; frame++) {
        let best = 0;
        for (let token = 1; token < width; token++) {
          if (data[frame * width + token] > data[frame * width + best]) best = token;
        }
        if (best !== before && best !== manifest.ctc.blank) text += tokens[best] === '<space>' ? ' ' : tokens[best];
        before = best;
      }
      texts.push(text.trim());
    }
    return texts.join(' ');
  });
}

main().catch(fail);
