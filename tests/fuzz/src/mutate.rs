//! Inputs from a seed: the same seed, the same inputs.

/// splitmix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A sequence that `seed` alone decides.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { usize::try_from(self.draw() % bound as u64).unwrap_or(0) }
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        all.get(self.below(all.len()))
    }
}

/// A new input: one of `seeds`, changed one to eight times with pieces of itself, of the others and of `words`.
pub fn input(chance: &mut Chance, seeds: &[Vec<u8>], words: &[Vec<u8>]) -> Vec<u8> {
    let mut data = chance.one_of(seeds).cloned().unwrap_or_default();
    for _ in 0..=chance.below(8) {
        change(chance, &mut data, seeds, words);
    }
    data
}

fn change(chance: &mut Chance, data: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>]) {
    let at = chance.below(data.len() + 1);
    let to = at + chance.below((data.len() - at).min(24) + 1);
    match chance.below(10) {
        // A bit is flipped, a byte is another one.
        0 | 1 if at < data.len() => data[at] ^= 1 << chance.below(8),
        2 if at < data.len() => data[at] = u8::try_from(chance.below(256)).unwrap_or(0),
        // A piece goes away, or is there again, elsewhere or many times.
        3 => drop(data.drain(at..to)),
        4 => {
            let piece = data[at..to].to_vec();
            let times = if chance.below(20) == 0 { 1 + chance.below(200) } else { 1 };
            let into = chance.below(data.len() + 1);
            data.splice(into..into, piece.repeat(times));
        }
        // A word of the format, put in or in the place of something.
        5..=7 => {
            let word = chance.one_of(words).cloned().unwrap_or_default();
            let end = if chance.below(2) == 0 { at } else { to };
            data.splice(at..end, word);
        }
        // A piece of another input.
        _ => {
            let other = chance.one_of(seeds).cloned().unwrap_or_default();
            let from = chance.below(other.len() + 1);
            let length = chance.below((other.len() - from).min(200) + 1);
            data.splice(at..to, other[from..from + length].iter().copied());
        }
    }
}
