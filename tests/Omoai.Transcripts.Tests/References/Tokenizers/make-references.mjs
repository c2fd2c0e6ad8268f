// Makes references.txt: what two well-known implementations make of 1,000 difficult strings, for ../../TokenizerTests.cs.
//
//   npm install --ignore-scripts --prefix /tmp/references @anush008/tokenizers@0.6.0 @huggingface/tokenizers@0.2.0
//   node make-references.mjs /tmp/references ../../../../../shared/data/tokenizers > references.txt
//
// For each string and each tokenizer a hash of the ids and one of the texts that are made of these again. The ids are those of
// the Rust library (tokenizers 0.22.2, which @anush008/tokenizers wraps), the texts those of @huggingface/tokenizers, which
// @huggingface/transformers 4 uses: where bytes make no whole character, Rust gives up the whole characters beside them too.
// How often the other one differs is in the last lines; SHOW=1 shows it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, folder] = process.argv.slice(2);
const require = createRequire(join(packages, 'x.js'));
const { Tokenizer: Rust } = require('@anush008/tokenizers');
const { Tokenizer: Script } = require('@huggingface/tokenizers');

const names = ['phi-2', 'phi-3-mini', 'whisper-large-v3', 'phowhisper-tiny'];
const groups = Object.values(JSON.parse(readFileSync(new URL('pieces.json', import.meta.url), 'utf8')));

// The same in TokenizerTests.Strings.
function* strings() {
  let state = 20261125;
  const below = n => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
  for (let i = 0; i < 1000; i++) {
    const main = groups[i % groups.length];
    let text = '';
    for (let left = 1 + below(12); left > 0; left--) {
      const group = below(3) === 0 ? groups[below(groups.length)] : main;
      text += group[below(group.length)];
    }
    // U+E000 and U+E001 stand for halves of surrogate pairs, which JSON can't hold; alone they are replaced before encoding.
    yield text.replaceAll('\ue000', '\ud83d').replaceAll('\ue001', '\ude00');
  }
}

// FNV-1a over 32-bit numbers.
const hash = numbers => {
  let value = 2166136261;
  for (const number of numbers) {
    value = Math.imul(value ^ number, 16777619) >>> 0;
  }
  return value.toString(16).padStart(8, '0');
};

const units = text => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));

const rust = [], script = [];
for (const name of names) {
  const file = join(folder, name, 'tokenizer.json');
  rust.push(await Rust.fromFile(file));
  script.push(new Script(JSON.parse(readFileSync(file, 'utf8')), {}));
}
const otherIds = names.map(() => []), otherTexts = names.map(() => []);
let index = 0;
for (const raw of strings()) {
  const text = raw.toWellFormed();
  const line = [];
  for (let k = 0; k < names.length; k++) {
    const ids = (await rust[k].encode(text, null, { addSpecialTokens: false })).getIds();
    // Without its ends a text may begin or end within a character.
    const middle = ids.slice(1, -1);
    const texts = [[ids, false], [ids, true], [middle, false]];
    const decoded = [];
    for (const [some, skip] of texts) {
      decoded.push(await rust[k].decode(some, skip));
    }
    const theirs = script[k].encode(text, { add_special_tokens: false }).ids;
    if (theirs.join() !== ids.join()) {
      otherIds[k].push(index);
    }
    const decodedByScript = texts.map(([some, skip_special_tokens]) => some.length === 0
      ? '' : script[k].decode(some, { skip_special_tokens, clean_up_tokenization_spaces: false }));
    line.push(hash(ids), hash(units(decodedByScript.join('\n'))));
    if (decodedByScript.join('\n') !== decoded.join('\n')) {
      otherTexts[k].push(index);
    }
    if (process.env.SHOW && (theirs.join() !== ids.join() || decodedByScript.join('\n') !== decoded.join('\n'))) {
      console.error(names[k], JSON.stringify(text), ids.join(), theirs.join(), JSON.stringify(decoded), JSON.stringify(decodedByScript));
    }
  }
  console.log(line.join(' '));
  index++;
}
for (let k = 0; k < names.length; k++) {
  console.log(`# ${names[k]}: Rust and script have other ids for ${otherIds[k].length} strings, other texts for ${otherTexts[k].length}`);
}
