//! One suite for every connector of `plugins/`, selected by what it exports: its recordings replayed through the real
//! sandbox and the real column, and what every connector owes its users.
//!
//! Nothing leaves the process: in the dialler's place stands [`upstream`], which answers from the recording. **Start** at
//! [`trials`].

mod bench;
mod coverage;
mod garbage;
mod judge;
mod keeper;
mod own_tests;
mod play;
mod rules;
mod trials;
mod upstream;

pub use bench::Bench;
pub use trials::trials;
