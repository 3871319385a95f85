//! A Redis of the tests, in which the script is told the time.

use ::redis::{Connection, Script};

use super::step::{Message, Reply, told_script};

pub(super) struct Server {
    connection: Connection,
    script: Script,
    key: String,
    /// By its clock, in microseconds.
    pub(super) now: u64,
    pub(super) run: u64,
    /// Since when it runs, in microseconds.
    pub(super) up: u64,
}

impl Server {
    pub(super) fn connect() -> Self {
        let url = std::env::var("HUNTRESS_TEST_REDIS").expect(
            "HUNTRESS_TEST_REDIS is the URL of a Redis; `.ci/redis` starts one and sets it",
        );
        let client = ::redis::Client::open(url).expect("a URL of Redis");
        Self {
            connection: client.get_connection().expect("Redis answers"),
            script: told_script(),
            key: format!("huntress:test:{:016x}", fastrand::u64(..)),
            now: 0,
            run: 1,
            up: u64::from(u32::MAX) * 1_000_000,
        }
    }

    pub(super) fn step(&mut self, message: &Message) -> Reply {
        let mut call = self.script.key(&self.key);
        let call = call
            .arg(message.text())
            .arg(self.now)
            .arg(self.run)
            .arg(self.up);
        call.invoke(&mut self.connection).expect("the script runs")
    }

    /// What it holds, as it is kept on a disk or by a replica.
    pub(super) fn dump(&mut self) -> Option<Vec<u8>> {
        let get = ::redis::cmd("GET")
            .arg(&self.key)
            .query(&mut self.connection);
        get.expect("the key can be read")
    }

    pub(super) fn restore(&mut self, dump: &Option<Vec<u8>>) {
        self.flush();
        if let Some(dump) = dump {
            let set = ::redis::cmd("SET")
                .arg(&self.key)
                .arg(dump)
                .exec(&mut self.connection);
            set.expect("the key can be written");
        }
    }

    pub(super) fn flush(&mut self) {
        let del = ::redis::cmd("DEL")
            .arg(&self.key)
            .exec(&mut self.connection);
        del.expect("the key can be removed");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.flush();
    }
}
