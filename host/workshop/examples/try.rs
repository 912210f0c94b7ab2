use std::sync::Arc;
struct Say;
impl workshop::Progress for Say {
    fn step(&self, what: &str) {
        eprintln!("== {what}");
    }
    fn detail(&self, line: &str) {
        eprintln!("   {line}");
    }
    fn note(&self, line: &str) {
        eprintln!("!! {line}");
    }
}
fn main() {
    let mut o = workshop::BuildOptions::new(std::env::args().nth(1).unwrap());
    o.progress = Arc::new(Say);
    match workshop::build(&o) {
        Ok(b) => eprintln!("{b:#?}"),
        Err(e) => {
            eprintln!("error: {e}");
            std::process::exit(1)
        }
    }
}
