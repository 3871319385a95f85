//! The program as a whole: help, completions, man pages, the ways it ends.

mod support;

use support::Huntctl;

#[test]
fn it_runs_against_a_simulator() {
    let output = Huntctl::new()
        .run(&["--simulator", "api", "list_agents"])
        .ok();
    assert_eq!(output.stdout.lines().count(), 10, "{output:?}");
}
