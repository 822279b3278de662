//! How a suite fared.

/// The score of a suite.
#[derive(Default)]
pub struct Tally {
    passed: usize,
    failures: Vec<String>,
    /// What is waiting for something that we do not have yet, by name and number of cases.
    waiting: Vec<(String, usize)>,
}

impl Tally {
    /// Counts a case, whose `problems` are what it states and we do not do.
    pub fn count(&mut self, name: &str, problems: Vec<String>) {
        if problems.is_empty() {
            self.passed += 1;
        } else {
            self.failures.push(format!("{name}: {}", problems.join("; ")));
        }
    }

    /// Sets a case aside that `what` has to come for.
    pub fn wait(&mut self, what: &str) {
        match self.waiting.iter_mut().find(|(name, _)| name == what) {
            Some((_, count)) => *count += 1,
            None => self.waiting.push((what.to_owned(), 1)),
        }
    }

    /// Did every case pass, and was there one?
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
    }

    /// Prints each failure, then the line that counts.
    pub fn print(&self, suite: &str) {
        for failure in &self.failures {
            println!("    FAILED {failure}");
        }
        for (what, count) in &self.waiting {
            println!("    waiting for a front-end: {what}, {count} cases");
        }
        let total = self.passed + self.failures.len();
        let none = if total == 0 { " (there is no case, which is a failure)" } else { "" };
        println!("{suite}: {}/{total}{none}", self.passed);
    }
}
