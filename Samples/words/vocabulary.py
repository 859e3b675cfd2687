"""The words, voices and the shape of a clip; read by prepare.py, train.py and run.py."""

RATE = 8000  # samples per second
CLIP = 8000  # samples in one input: one second

KEYWORDS = ["yes", "no", "up", "down", "left", "right", "stop", "go"]
UNKNOWN, SILENCE = 8, 9
CLASSES = KEYWORDS + ["unknown", "silence"]

# Other words the network must not react to. The second list is heard only in the test split.
OTHER_WORDS = [
  "one", "two", "three", "five", "seven", "eight", "house", "tree", "happy", "bird", "marvin", "sheila", "wow", "cat",
  "dog", "red", "green", "blue", "table", "window", "water", "music", "light", "open", "close", "forward", "follow",
  "learn", "visual", "yellow", "morning", "letter", "never", "winter", "paper", "summer", "station", "write a letter",
  "let", "test", "start", "town", "cup", "low", "good", "rock", "guess", "top", "lift", "round", "ride", "us", "step",
]
OTHER_WORDS_TEST = [
  "four", "six", "nine", "bed", "backward", "kitchen", "garden", "pencil", "apple", "river", "doctor", "camera",
  "monday", "silver", "people", "engine",
]

ACCENTS = ["en-us", "en-gb", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc"]
VOICES_TRAIN = [
  "Alex", "Alicia", "Andrea", "Andy", "Denis", "Diogo", "Gene", "Henrique", "Hugo", "Jacky", "Marco", "Mario", "Mike",
  "Nguyen", "RicishayMax", "Storm", "adam", "anika", "antonio", "aunty", "belinda", "benjamin", "caleb", "david", "ed",
  "f1", "f2", "f4", "f5", "grandma", "grandpa", "iven", "iven3", "john", "klatt", "klatt2", "klatt4", "m1", "m2", "m3",
  "m5", "m6", "m8", "marcelo", "michel", "miguel", "norbert", "pablo", "paul", "quincy", "rob", "robert", "sandro",
  "shelby", "steph", "steph3", "travis", "victor", "zac",
]
VOICES_TEST = ["f3", "m4", "m7", "Annie", "Lee", "Michael", "linda", "boris", "max", "edward", "pedro", "steph2",
               "klatt3", "iven2", "Gene2", "gustave"]
# Words per minute given to espeak-ng; the rates of the test split lie between those of training.
RATES_TRAIN = [120, 135, 150, 165, 180, 200]
RATES_TEST = [128, 143, 158, 173, 190]

# The recording that run.py listens to: said by three held-out voices, words that are no keyword among them.
RECORDING = [
  ("f3", "yes"), ("f3", "garden"), ("f3", "up"), ("m4", "stop"), ("m4", "left"), ("m4", "monday"), ("Annie", "right"),
  ("Annie", "go"), ("Annie", "kitchen"), ("f3", "no"), ("m4", "down"), ("Annie", "yes"), ("m4", "apple"),
  ("f3", "stop"),
]
