//! The file of figures: columns by name, `,` or `;` between them, with or without a byte order
//! mark, as spreadsheets write it.

use jiff::civil::Date;

use crate::failure::{Exit, Failure};

/// The columns, and whether a file must have them.
const COLUMNS: [(&str, bool); 6] = [
    ("organization", true),
    ("month", true),
    ("sent", true),
    ("compromised", true),
    ("clicked", false),
    ("reported", false),
];

/// The figures of one organization and month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// Its id or its exact name.
    pub(super) organization: String,
    /// The first day of the month.
    pub(super) month: Date,
    pub(super) sent: i64,
    pub(super) compromised: i64,
    pub(super) clicked: Option<i64>,
    pub(super) reported: Option<i64>,
}

/// The number of a line, and what it says or what is wrong with it.
pub(super) type Numbered = (u64, Result<Line, String>);

/// The lines of a file.
pub(super) fn read(content: &[u8]) -> Result<Vec<Numbered>, Failure> {
    let text = str::from_utf8(content).map_err(|_| {
        let text = "the file is not UTF-8; let the spreadsheet save it as `CSV UTF-8`";
        Failure::new(Exit::Usage, text)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The reader counts a line of `\r\n` late, and the number of a wrong line is to be right.
    let text = text.replace("\r\n", "\n");
    let heading = text.lines().next().unwrap_or_default();
    let count = |separator: char| heading.matches(separator).count();
    let separator = if count(';') > count(',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let heading = reader.headers().map_err(|problem| unreadable(&problem))?;
    let places = places(heading)?;
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|problem| unreadable(&problem))?;
        let number = record.position().map_or(0, csv::Position::line);
        if record.iter().any(|cell| !cell.is_empty()) {
            lines.push((number, line(&record, &places)));
        }
    }
    if lines.is_empty() {
        let text = "the file has no lines below its heading";
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(lines)
}

fn unreadable(problem: &csv::Error) -> Failure {
    Failure::new(Exit::Usage, format!("the file cannot be read: {problem}"))
}

/// Where each of the columns stands.
fn places(heading: &csv::StringRecord) -> Result<[Option<usize>; 6], Failure> {
    let names: Vec<_> = heading.iter().map(str::to_ascii_lowercase).collect();
    let mut places = [None; 6];
    for (place, (name, needed)) in places.iter_mut().zip(COLUMNS) {
        let same = |(_, found): &(usize, &String)| {
            *found == name || (name == "organization" && *found == "organization_id")
        };
        let mut found = names.iter().enumerate().filter(same);
        *place = found.next().map(|(at, _)| at);
        let problem = match (*place, found.next()) {
            (_, Some(_)) => format!("the file has several columns `{name}`"),
            (None, _) if needed => format!("the file has no column `{name}`"),
            _ => continue,
        };
        let text = format!(
            "{problem}; it needs organization, month, sent and compromised, and may have clicked \
             and reported"
        );
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(places)
}

fn line(record: &csv::StringRecord, places: &[Option<usize>; 6]) -> Result<Line, String> {
    let cell = |column: usize| {
        let place = places.get(column).copied().flatten();
        place
            .and_then(|place| record.get(place))
            .unwrap_or_default()
    };
    let needed = |column: usize| {
        let (name, text) = (COLUMNS[column].0, cell(column));
        if text.is_empty() {
            return Err(format!("`{name}` is empty"));
        }
        Ok(text)
    };
    let count = |column: usize, text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = text
            .parse()
            .ok()
            .filter(|count| digits && *count <= 1_000_000_000);
        value.ok_or_else(|| {
            let shown = crate::output::visible::line(text).into_owned();
            format!("`{}` is {shown:?}, which is no count", COLUMNS[column].0)
        })
    };
    let optional = |column: usize| match cell(column) {
        "" => Ok(None),
        text => count(column, text).map(Some),
    };
    let line = Line {
        organization: needed(0)?.to_owned(),
        month: month(needed(1)?)?,
        sent: count(2, needed(2)?)?,
        compromised: count(3, needed(3)?)?,
        clicked: optional(4)?,
        reported: optional(5)?,
    };
    let parts = [
        ("compromised", Some(line.compromised)),
        ("clicked", line.clicked),
    ];
    let parts = parts.into_iter().chain([("reported", line.reported)]);
    for (name, part) in parts {
        if part.is_some_and(|part| part > line.sent) {
            return Err(format!("`{name}` is more than `sent`"));
        }
    }
    Ok(line)
}

/// `2026-07`, or a day of the month.
fn month(text: &str) -> Result<Date, String> {
    let day = match text.len() {
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let date: Option<Date> = day.parse().ok().filter(|_| day.len() == 10);
    date.map(Date::first_of_month).ok_or_else(|| {
        let shown = crate::output::visible::line(text).into_owned();
        format!("`month` is {shown:?}; write it as 2026-07")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(file: &str) -> Vec<String> {
        match read(file.as_bytes()) {
            Ok(lines) => lines
                .into_iter()
                .filter_map(|(number, line)| Some(format!("{number}: {}", line.err()?)))
                .collect(),
            Err(failure) => vec![failure.to_string()],
        }
    }

    #[test]
    fn spreadsheets_are_read() {
        let expected = Line {
            organization: "Acme, Inc; \"A\"".to_owned(),
            month: "2026-07-01".parse().unwrap(),
            sent: 10,
            compromised: 2,
            clicked: Some(3),
            reported: None,
        };
        for file in [
            "organization,month,sent,compromised,clicked\n\"Acme, Inc; \"\"A\"\"\",2026-07,10,2,3\n",
            "\u{feff}Month;Organization;SENT;clicked;compromised;notes\r\n2026-07-31;\"Acme, Inc; \"\"A\"\"\";10;3;2;x\r\n;;;;;\r\n",
            "organization_id,month,sent,compromised,clicked,reported\n\"Acme, Inc; \"\"A\"\"\", 2026-07 ,10,2,3,\n",
        ] {
            let lines = read(file.as_bytes()).unwrap();
            assert_eq!(lines, [(2, Ok(expected.clone()))], "{file}");
        }
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number() {
        let heading = "organization,month,sent,compromised,clicked,reported\n";
        for (line, problem) in [
            (",2026-07,1,1,,", "2: `organization` is empty"),
            ("a,,1,1,,", "2: `month` is empty"),
            (
                "a,07/2026,1,1,,",
                "2: `month` is \"07/2026\"; write it as 2026-07",
            ),
            (
                "a,2026-13,1,1,,",
                "2: `month` is \"2026-13\"; write it as 2026-07",
            ),
            ("a,2026-07,x,1,,", "2: `sent` is \"x\", which is no count"),
            ("a,2026-07,-1,1,,", "2: `sent` is \"-1\", which is no count"),
            (
                "a,2026-07,1.5,1,,",
                "2: `sent` is \"1.5\", which is no count",
            ),
            ("a,2026-07,1,2,,", "2: `compromised` is more than `sent`"),
            ("a,2026-07,1,1,2,", "2: `clicked` is more than `sent`"),
            ("a,2026-07,1,1,,2", "2: `reported` is more than `sent`"),
            ("a,2026-07", "2: `sent` is empty"),
        ] {
            assert_eq!(wrong(&format!("{heading}{line}\n")), [problem]);
        }
        let file = format!("{heading}\"a\nb\",2026-07,1,1,,\nc,2026-07,1,x,,\n");
        assert_eq!(
            wrong(&file),
            ["4: `compromised` is \"x\", which is no count"]
        );
    }

    #[test]
    fn a_file_without_its_columns_is_refused() {
        for (file, problem) in [
            ("", "the file has no column `organization`"),
            (
                "organization,month,sent\na,b,c\n",
                "the file has no column `compromised`",
            ),
            (
                "organization,organization_id,month,sent,compromised\n",
                "the file has several columns `organization`",
            ),
            (
                "organization,month,sent,compromised\n",
                "the file has no lines",
            ),
        ] {
            let told = wrong(file);
            assert!(told[0].starts_with(problem), "{told:?}");
        }
        assert!(read(b"\xff\xfe").is_err());
    }
}
