"""scrubadub and Presidio's pattern recognisers over the same notes as Égide, each in rounds, on the core this is pinned to.

  peers.py plain OUT NOTES...    the notes without their marks, for everybody
  peers.py run NOTES SECONDS PROGRAM ROUNDS    interleaved rounds of everybody; the medians as a table
"""

import json
import re
import statistics
import subprocess
import sys
import time

MARK = re.compile(r"\{\{[^|{}]*\|(.*?)\}\}", re.S)


def plain(out, files):
    with open(out, "w", encoding="utf-8") as to:
        for file in files:
            for line in open(file, encoding="utf-8"):
                note = json.loads(line)
                note["text"] = MARK.sub(lambda mark: re.sub(r"^\[([^\]]*)\]|\[([^\]]*)\]$", r"\1\2", mark[1]), note["text"])
                to.write(json.dumps(note, ensure_ascii=False) + "\n")


def scrubadub():
    """As it comes: it masks, and knows nobody of the case."""
    import scrubadub

    scrubbers = {"en": scrubadub.Scrubber(locale="en_CA"), "fr": scrubadub.Scrubber(locale="fr_CA")}
    return lambda note: scrubbers[note["language"]].clean(note["text"])


def presidio():
    """The analyzer with its pattern recognisers and the one for phones; tokens of a blank pipeline, no model. It only finds."""
    import spacy
    import tldextract

    # The list of domains that comes with the package: nothing is fetched while it runs.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    class Blank(NlpEngine):
        def __init__(self):
            self.pipelines = {language: spacy.blank(language) for language in ("en", "fr")}

        def load(self):
            pass

        def is_loaded(self):
            return True

        def process_text(self, text, language):
            tokens = self.pipelines[language](text)
            return NlpArtifacts(
                entities=[],
                tokens=tokens,
                tokens_indices=[token.idx for token in tokens],
                lemmas=[token.text for token in tokens],
                nlp_engine=self,
                language=language,
            )

        def process_batch(self, texts, language, **_):
            return ((text, self.process_text(text, language)) for text in texts)

        def is_stopword(self, word, language):
            return False

        def is_punct(self, word, language):
            return False

        def get_supported_entities(self):
            return []

        def get_supported_languages(self):
            return ["en", "fr"]

    engine = Blank()
    registry = RecognizerRegistry(supported_languages=["en", "fr"])
    registry.load_predefined_recognizers(languages=["en", "fr"], nlp_engine=engine)
    registry.recognizers = [one for one in registry.recognizers if isinstance(one, (PatternRecognizer, PhoneRecognizer))]
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en", "fr"])
    return lambda note: analyzer.analyze(note["text"], language=note["language"])


def rate(work, notes, seconds):
    """MB/s over whole passes, at least one, until the time is up."""
    size, started, passes = sum(len(note["text"].encode()) for note in notes), time.perf_counter(), 0
    while passes == 0 or time.perf_counter() - started < seconds:
        for note in notes:
            work(note)
        passes += 1
    return passes * size / 1e6 / (time.perf_counter() - started)


def run(file, seconds, program, rounds):
    notes = [json.loads(line) for line in open(file, encoding="utf-8")]
    race(file, notes, seconds, program, rounds, "each with the people of its case, whom only Égide is told")
    ready = "the same, the names of each case made ready beforehand"
    race(file, notes, seconds, program, rounds, ready, mode="ready")
    # Theirs know nobody of a case, and start anew with each note in no time: so does Égide here.
    nobody = [note | {"known_persons": []} for note in notes]
    race(beside(file, "nobody", nobody), nobody, seconds, program, rounds, "nobody known")
    long = [
        {"id": language, "language": language, "known_persons": [], "text": "\n\n".join(texts)}
        for language in ("en", "fr")
        for texts in [[note["text"] for note in notes if note["language"] == language]]
    ]
    race(beside(file, "long", long), long, seconds, program, rounds, "nobody known, all notes of a language one after another")
    linear(program)


def beside(file, name, notes):
    """The same notes, changed, in a file beside theirs."""
    place = file.removesuffix(".jsonl") + f"-{name}.jsonl"
    with open(place, "w", encoding="utf-8") as to:
        to.writelines(json.dumps(note, ensure_ascii=False) + "\n" for note in notes)
    return place


def race(file, notes, seconds, program, rounds, what, mode="notes"):
    theirs = {"scrubadub 2.0.1": scrubadub(), "presidio-analyzer 2.2.366, patterns": presidio()}
    for work in theirs.values():
        work(notes[0])

    def ours():
        told = json.loads(subprocess.check_output([program, mode, file, str(seconds)]))
        return told["bytes"] / 1e6 / told["seconds"]

    rates = {"Égide": []} | {name: [] for name in theirs}
    for round in range(rounds):
        print(f"  round {round + 1} of {rounds}", file=sys.stderr)
        rates["Égide"].append(ours())
        for name, work in theirs.items():
            rates[name].append(rate(work, notes, seconds))
    size = sum(len(note["text"].encode()) for note in notes)
    print(f"{len(notes)} notes, {size} bytes, {what}; one core, {rounds} rounds of {seconds} s, medians\n")
    print(f"{'':38}{'MB/s':>10}{'Égide ×':>10}")
    for name, of in rates.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["Égide"], of))
        print(f"{name:38}{statistics.median(of):>10.3f}{ratio:>10.1f}")
    print(flush=True)


def linear(program):
    """The rate must not fall with the size: a quarter is left to the processor's caches and to whoever else is at work."""
    print(f"{'MB/s on texts that are hard':38}{'100 kB':>10}{'1 MB':>10}{'10 MB':>10}")
    told = [json.loads(line) for line in subprocess.check_output([program, "linear"], text=True).splitlines()]
    for text in told:
        print(f"{text['text']:38}" + "".join(f"{rate:>10.2f}" for rate in text["mb_per_second"]))
    slower = [text["text"] for text in told if text["mb_per_second"][2] < text["mb_per_second"][0] / 4]
    if slower:
        sys.exit(f"error: not linear: {', '.join(slower)}")


if __name__ == "__main__":
    if sys.argv[1] == "plain":
        plain(sys.argv[2], sys.argv[3:])
    else:
        run(sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]))
