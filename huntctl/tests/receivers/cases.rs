//! The transports that are tried, each with its receiver.

use huntctl::transport::Settings;

use crate::receivers::http::{Api, SECRET};
use crate::receivers::stream::{GELF, Id, Protocol, SYSLOG, SYSLOG_LINES, Tls};
use crate::receivers::tls::Authority;
use crate::receivers::{Fault, Log, gelf, http, stream, syslog, tls};

#[derive(Clone, Copy)]
pub enum Receiver {
    Datagrams(Id),
    Stream(Protocol),
    Http(Api),
}

/// A transport and its receiver; `ADDRESS` and `CA` in the settings are filled in.
pub struct Case {
    pub name: &'static str,
    pub receiver: Receiver,
    pub tls: bool,
    pub settings: &'static str,
}

pub const CASES: [Case; 15] = [
    Case {
        name: "GELF UDP",
        receiver: Receiver::Datagrams(gelf::id),
        tls: false,
        settings: "transport = 'gelf'\nurl = 'udp://ADDRESS'\ngzip = true",
    },
    Case {
        name: "GELF TCP",
        receiver: Receiver::Stream(GELF),
        tls: false,
        settings: "transport = 'gelf'\nurl = 'tcp://ADDRESS'",
    },
    Case {
        name: "GELF TCP, no confirm",
        receiver: Receiver::Stream(GELF),
        tls: false,
        settings: "transport = 'gelf'\nurl = 'tcp://ADDRESS'\nconfirm = false",
    },
    Case {
        name: "GELF TLS",
        receiver: Receiver::Stream(GELF),
        tls: true,
        settings: "transport = 'gelf'\nurl = 'tls://ADDRESS'\ntls = {ca_file = 'CA'}",
    },
    Case {
        name: "GELF HTTP",
        receiver: Receiver::Http(Api::Graylog),
        tls: false,
        settings: "transport = 'gelf'\nurl = 'http://ADDRESS'",
    },
    Case {
        name: "syslog UDP",
        receiver: Receiver::Datagrams(syslog::id),
        tls: false,
        settings: "transport = 'syslog'\nurl = 'udp://ADDRESS'",
    },
    Case {
        name: "syslog TCP",
        receiver: Receiver::Stream(SYSLOG),
        tls: false,
        settings: "transport = 'syslog'\nurl = 'tcp://ADDRESS'",
    },
    Case {
        name: "syslog TCP, LF, no confirm",
        receiver: Receiver::Stream(SYSLOG_LINES),
        tls: false,
        settings: "transport = 'syslog'\nurl = 'tcp://ADDRESS'\nframing = 'lf'\nconfirm = false",
    },
    Case {
        name: "syslog TLS",
        receiver: Receiver::Stream(SYSLOG),
        tls: true,
        settings: "transport = 'syslog'\nurl = 'tls://ADDRESS'\ntls = {ca_file = 'CA'}",
    },
    Case {
        name: "CEF TLS",
        receiver: Receiver::Stream(SYSLOG),
        tls: true,
        settings: "transport = 'syslog'\nformat = 'cef'\nurl = 'tls://ADDRESS'\ntls = {ca_file = 'CA'}",
    },
    Case {
        name: "Elastic",
        receiver: Receiver::Http(Api::Elastic),
        tls: true,
        settings: "transport = 'elastic'\nurl = 'https://ADDRESS'\ntls = {ca_file = 'CA'}\napi_key = 'file:SECRET'",
    },
    Case {
        name: "Splunk",
        receiver: Receiver::Http(Api::Splunk),
        tls: true,
        settings: "transport = 'splunk'\nurl = 'https://ADDRESS'\ntls = {ca_file = 'CA'}\ntoken = 'file:SECRET'",
    },
    Case {
        name: "Splunk, acknowledged",
        receiver: Receiver::Http(Api::SplunkAcknowledging),
        tls: false,
        settings: "transport = 'splunk'\nurl = 'http://ADDRESS'\ntoken = 'file:SECRET'\nacknowledge = true",
    },
    Case {
        name: "Loki",
        receiver: Receiver::Http(Api::Loki),
        tls: false,
        settings: "transport = 'loki'\nurl = 'http://ADDRESS'\ntoken = 'file:SECRET'",
    },
    Case {
        name: "HTTP",
        receiver: Receiver::Http(Api::Webhook),
        tls: false,
        settings: "transport = 'http'\nurl = 'http://ADDRESS/hook/{{body.status}}'\nmethod = 'PUT'\nheaders = {Authorization = 'file:SECRET'}\nbody = '{\"id\": {{id}}, \"t\": \"x {{summary}}\", \"b\": {{body}}}'\nexpect = '\"ok\":true'",
    },
];

#[allow(dead_code)]
impl Case {
    /// Those that can happen to it.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![Fault::Down, Fault::Slow, Fault::Restarting];
        if !matches!(self.receiver, Receiver::Datagrams(_)) {
            faults.extend([Fault::Refusing, Fault::Closing(3)]);
        }
        if self.tls {
            faults.extend([Fault::WrongName, Fault::SelfSigned]);
            if matches!(self.receiver, Receiver::Stream(_)) {
                faults.push(Fault::Dying);
            }
        }
        if let Receiver::Http(api) = self.receiver {
            faults.extend([401, 429, 500, 503].map(Fault::Status));
            faults.extend([Fault::Garbage, Fault::OneOnly]);
            if api == Api::Elastic {
                faults.push(Fault::SomeLater);
            }
        }
        faults
    }

    pub async fn start(&self, log: &Log, authority: &Authority) -> Settings {
        toml::from_str(&self.start_text(log, authority).await).unwrap()
    }

    /// Starts its receiver, and returns the settings as text.
    pub async fn start_text(&self, log: &Log, authority: &Authority) -> String {
        let tls = self.tls.then(|| Tls {
            right: authority.acceptor("127.0.0.1"),
            wrong_name: authority.acceptor("other.example"),
            self_signed: tls::self_signed("127.0.0.1"),
        });
        let address = match self.receiver {
            Receiver::Datagrams(id) => stream::datagrams(id, log.clone()).await,
            Receiver::Stream(protocol) => stream::messages(protocol, tls, log.clone()).await,
            Receiver::Http(api) => http::serve(api, tls, log.clone()).await,
        };
        let secret = authority.file().with_file_name("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let settings = self
            .settings
            .replace("ADDRESS", &address.to_string())
            .replace("CA", authority.file().to_str().unwrap())
            .replace("SECRET", secret.to_str().unwrap());
        // A machine that is busy with other things is not a slow receiver.
        let timeout = if log.fault() == Some(Fault::Slow) {
            1
        } else {
            20
        };
        format!("{settings}\ntimeout = {timeout}")
    }
}
