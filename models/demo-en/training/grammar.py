"""The grammar of the demo models: sentences from templates.txt and slots.txt.

Run as a program it writes, into the work folder, the text of everything that is trained, and next to itself the split
of the templates (held-out-templates.txt), which is fixed before any training.
"""

import argparse
import json
import random
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
SAMPLE = REPOSITORY / "samples" / "standup.txt"
HELD_OUT = HERE / "held-out-templates.txt"
SEED = 2026

# Words of each kind of sentence that accuracy is measured with, and some for those that a synthesiser may drop.
WORDS_MEASURED = 2100

# Letters in the order of tokens.txt, after <blank> and <space>.
LETTERS = "abcdefghijklmnopqrstuvwxyz'"


def normalise(text):
    """Text as the recogniser writes it: lower-case words without punctuation."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def split_sentences(text):
    return [part for part in re.split(r"(?<=[.?!])\s+", text.strip()) if part]


def sample_sentences():
    """The sentences of the product's sample; none of them may ever be trained on."""
    return {normalise(sentence) for sentence in split_sentences(SAMPLE.read_text())}


def split_choices(text):
    """Splits at every | that isn't inside brackets."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return parts + [text[start:]]


class Grammar:
    def __init__(self):
        self.slots = {}
        name = None
        for line in (HERE / "slots.txt").read_text().splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            if line[0] != " ":
                name, line = line.split(":", 1)
                assert name not in self.slots, name
                self.slots[name] = []
            self.slots[name] += [choice.strip() for choice in split_choices(line)]

        lines = (HERE / "templates.txt").read_text().splitlines()
        self.templates = [line for line in lines if line.strip() and not line.startswith("#")]
        assert len(set(self.templates)) == len(self.templates), "a template stands twice"
        self.forbidden = sample_sentences()
        for template in self.templates:
            assert normalise(template) not in self.forbidden, template
        self.words = self.find_words()

        missing = set(normalise(SAMPLE.read_text()).split()) - set(self.words)
        assert not missing, f"words of the sample that the grammar lacks: {sorted(missing)}"

        if HELD_OUT.exists():
            self.held_out = HELD_OUT.read_text().splitlines()
        else:
            self.held_out = sorted(random.Random(SEED).sample(self.templates, len(self.templates) // 10))
            HELD_OUT.write_text("\n".join(self.held_out) + "\n")
        assert set(self.held_out) <= set(self.templates), "held-out-templates.txt is older than templates.txt"
        self.training = [template for template in self.templates if template not in set(self.held_out)]

        # Drawn before anything else is: what is measured must not be in any training text.
        chance = random.Random(SEED + 4)
        varied = [template for template in self.training if re.search(r"[\[{]", template)]
        self.measured = {}
        for name in ("validation", "accuracy"):
            self.measured[name] = {kind: self.new_sentences(chance, templates)
                                   for kind, templates in (("trained", varied), ("held out", self.held_out))}
        self.forbidden |= {normalise(sentence) for kinds in self.measured.values()
                           for sentences in kinds.values() for sentence in sentences}

    def new_sentences(self, chance, templates, words=WORDS_MEASURED):
        """Different sentences, of as many words together."""
        sentences = {}
        while sum(len(sentence.split()) for sentence in sentences.values()) < words:
            sentence = self.sentence(chance, templates, 18)
            sentences[normalise(sentence)] = sentence
        return list(sentences.values())

    def find_words(self):
        """Every word some sentence can have."""
        words = {"an"}
        for text in self.templates + [choice for choices in self.slots.values() for choice in choices]:
            words.update(normalise(re.sub(r"\{\w+\}", " ", text)).split())
        return sorted(words)

    def expand(self, text, chance):
        """Replaces slots and choices until none is left."""
        while True:
            inner = re.search(r"\[([^\[\]]*)\]|\{(\w+)\}", text)
            if inner is None:
                return text
            choices = inner.group(1).split("|") if inner.group(1) is not None else self.slots[inner.group(2)]
            text = text[:inner.start()] + chance.choice(choices) + text[inner.end():]

    def sentence(self, chance, templates, longest=24):
        """A random sentence, with case and punctuation; never one of the sample's."""
        while True:
            text = " ".join(self.expand(chance.choice(templates), chance).split())
            text = re.sub(r"\b([Aa]) (?=[aeiouAEIO]|hour)(?!one\b|us|uni|eu)", r"\1n ", text)
            text = re.sub(r" ([,.?])", r"\1", text)
            text = text[0].upper() + text[1:]
            if len(text.split()) <= longest and normalise(text) not in self.forbidden:
                return text

    def salad(self, chance):
        """Words in no order, so that the acoustic model learns sounds and not the grammar."""
        return " ".join(chance.choice(self.words) for _ in range(chance.randint(4, 10)))


# Voice, share of the training utterances. flite's rms is in no training text: it is the held-out voice.
VOICES = [("espeak", 0.34), ("flite slt", 0.19), ("flite awb", 0.15), ("flite kal16", 0.08), ("flite kal", 0.06),
          ("festival kal_diphone", 0.04), ("festival ked_diphone", 0.06), ("festival cmu_us_slt_arctic_hts", 0.08)]
ESPEAK_ACCENTS = ["en-us", "en-us", "en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland"]
ESPEAK_VARIANTS = ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "adam", "Alex",
                   "Andrea", "Andy", "Annie", "antonio", "belinda", "benjamin", "caleb", "david", "ed", "edward",
                   "Gene", "Henrique", "john", "linda", "Marco", "max", "michael", "paul", "pedro", "quincy", "rob",
                   "robert", "steph", "travis", "zac", "klatt", "klatt2"]
ESPEAK_HELD_OUT = ["Diogo", "Alicia", "victor", "iven", "Hugo"]


def voice_of(chance):
    """A voice of training; of espeak's, with an accent and a variant."""
    names, shares = zip(*VOICES)
    voice = chance.choices(names, shares)[0]
    return f"espeak {chance.choice(ESPEAK_ACCENTS)}+{chance.choice(ESPEAK_VARIANTS)}" if voice == "espeak" else voice


def utterances(grammar, count):
    """What to synthesise for training: text, voice and how fast and high it speaks."""
    chance = random.Random(SEED + 1)
    plan = []
    for number in range(count):
        salad = chance.random() < 0.15
        plan.append({"id": f"train-{number:05d}",
                     "text": grammar.salad(chance) if salad else grammar.sentence(chance, grammar.training, 18),
                     "voice": voice_of(chance), "speed": round(chance.uniform(0.82, 1.2), 2),
                     "pitch": round(chance.uniform(0.82, 1.22), 2)})
    return plan


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=REPOSITORY / "artifacts" / "demo-en")
    parser.add_argument("--utterances", type=int, default=14_000)
    parser.add_argument("--sentences", type=int, default=400_000, help="sentences for the n-grams")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)

    grammar = Grammar()
    plan = utterances(grammar, arguments.utterances)
    chance = random.Random(SEED + 2)
    text = [grammar.sentence(chance, grammar.training) for _ in range(arguments.sentences)]
    trained = {normalise(item["text"]) for item in plan} | {normalise(sentence) for sentence in text}
    assert not trained & grammar.forbidden, "a sentence of the sample, or a measured one, is in the training text"

    (arguments.work / "sentences.txt").write_text("\n".join(text) + "\n")
    (arguments.work / "words.txt").write_text("\n".join(grammar.words) + "\n")
    # Last: train.sh takes its being there for the sign that all of this is done.
    (arguments.work / "utterances.jsonl").write_text("".join(json.dumps(item) + "\n" for item in plan))
    print(f"{len(grammar.words)} words, {len(grammar.training)} templates to train with, "
          f"{len(grammar.held_out)} held out, {len(plan)} utterances, {len(set(text))} different sentences")


if __name__ == "__main__":
    main()
