//! An event as a message that people read. The same member is looked for where each form of an event carries it.

use jackfield_connector::Json;

use crate::mrkdwn::{line, paragraph};

/// Of an unknown event so many members are shown, and of a list so many entries.
const SHOWN: usize = 10;

/// The message for an event, as mrkdwn.
pub(crate) fn message(kind: &str, data: &Json) -> String {
    let data = Data(data);
    match kind {
        "call.started" => titled("Call started", " with ", data.agent()),
        "call.scheduled" => lines([
            Some(titled("Call scheduled", " with ", data.one(&["/name", "/contactName", "/agentName"]))),
            labelled("When", data.one(&["/scheduledAt", "/scheduledFor", "/start"])),
            labelled("To", data.one(&["/toNumber", "/phone"])),
        ]),
        "call.completed" | "call.ended" => ended("Call ended", &data),
        "call.failed" => lines([
            Some(ended("Call failed", &data)),
            labelled("Reason", data.one(&["/reason", "/error", "/failureReason", "/endedReason"])),
        ]),
        "call.transferred" => lines([
            Some(titled("Call transferred", " to ", data.one(&TRANSFERRED_TO))),
            labelled("By", data.agent()),
            labelled("Reason", data.one(&["/reason", "/transferReason"])),
            data.summary(),
        ]),
        "analysis.complete" => ended("Call analysed", &data),
        "transcript.ready" => lines([
            Some(titled("Transcript ready", " for ", data.one(&["/callId"]))),
            data.many(&["/transcript", "/transcription"]),
        ]),
        "lead.captured" | "lead.created" => lead(&data),
        "appointment.created" => appointment("Appointment booked", &data),
        "appointment.updated" => appointment("Appointment changed", &data),
        "appointment.cancelled" => appointment("Appointment cancelled", &data),
        _ => unknown(kind, &data),
    }
}

const TRANSFERRED_TO: [&str; 5] =
    ["/transferredTo", "/transferTo", "/destination", "/toAgent", "/transferNumber"];

/// `Call ended (4m 7s) - completed | Sentiment: positive`, then the summary and what is to be done.
fn ended(title: &str, data: &Data) -> String {
    let mut head = title.to_owned();
    if let Some(duration) = data.duration() {
        head.push_str(&format!(" ({duration})"));
    }
    if let Some(status) = data.one(&["/status", "/outcome"]) {
        head.push_str(&format!(" - {status}"));
    }
    if let Some(sentiment) = data.one(&["/sentiment", "/analysis/sentiment"]) {
        head.push_str(&format!(" | Sentiment: {sentiment}"));
    }
    lines([Some(head), data.summary(), data.next_steps()])
}

fn lead(data: &Data) -> String {
    let full = || {
        let parts = [data.one(&["/firstName"]), data.one(&["/lastName"])];
        Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty())
    };
    lines([
        Some(titled("New lead", ": ", data.one(&["/name"]).or_else(full))),
        labelled("Phone", data.one(&["/phone"])),
        labelled("E-mail", data.one(&["/email"])),
        labelled("Company", data.one(&["/company"])),
        labelled("Reason", data.one(&["/reason"])),
        labelled("Source", data.one(&["/source"])),
    ])
}

fn appointment(title: &str, data: &Data) -> String {
    let who = [data.one(&["/attendee/name", "/name"]), data.one(&["/attendee/email", "/email"])];
    let who: Vec<String> = who.into_iter().flatten().collect();
    lines([
        Some(titled(title, ": ", data.one(&["/title"]))),
        labelled("When", data.when()),
        labelled("With", Some(who.join(", ")).filter(|who| !who.is_empty())),
        labelled("Reason", data.one(&["/reason"])),
    ])
}

/// An event that has no form of its own: its name and its plain members.
fn unknown(kind: &str, data: &Data) -> String {
    let members = data.0.as_object().into_iter().flatten();
    let told = members.filter_map(|(name, value)| Some(format!("{}: {}", line(name), plain(value)?)));
    lines(std::iter::once(Some(format!("*{}*", line(kind)))).chain(told.take(SHOWN).map(Some)))
}

fn titled(title: &str, joint: &str, rest: Option<String>) -> String {
    rest.map_or_else(|| title.to_owned(), |rest| format!("{title}{joint}{rest}"))
}

fn labelled(label: &str, value: Option<String>) -> Option<String> {
    value.map(|value| format!("{label}: {value}"))
}

fn lines(all: impl IntoIterator<Item = Option<String>>) -> String {
    all.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// A text or a number on one line; `None` for what is empty or has parts.
fn plain(value: &Json) -> Option<String> {
    let text = match value {
        Json::String(text) => line(text),
        Json::Number(number) => number.to_string(),
        Json::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// An event's data, in whichever of its forms.
struct Data<'a>(&'a Json);

impl Data<'_> {
    /// The first of these members that says something, on one line.
    fn one(&self, pointers: &[&str]) -> Option<String> {
        pointers.iter().find_map(|pointer| plain(self.0.pointer(pointer)?))
    }

    /// The first of these members that says something, with its lines.
    fn many(&self, pointers: &[&str]) -> Option<String> {
        let texts = pointers.iter().filter_map(|pointer| self.0.pointer(pointer)?.as_str());
        texts.map(paragraph).find(|text| !text.is_empty())
    }

    fn agent(&self) -> Option<String> {
        self.one(&["/agentName", "/agent/name", "/agent"])
    }

    fn summary(&self) -> Option<String> {
        self.many(&["/summary", "/analysis/summary"])
    }

    fn next_steps(&self) -> Option<String> {
        let steps =
            ["/nextSteps", "/analysis/nextSteps"].iter().find_map(|at| self.0.pointer(at)?.as_array())?;
        let steps: Vec<String> =
            steps.iter().filter_map(plain).take(SHOWN).map(|step| format!("• {step}")).collect();
        (!steps.is_empty()).then(|| format!("Next steps:\n{}", steps.join("\n")))
    }

    /// `4m 7s`, from seconds as a number or as text.
    fn duration(&self) -> Option<String> {
        let value = ["/durationSeconds", "/duration"].iter().find_map(|at| self.0.pointer(at))?;
        let seconds = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        if !(0.0..1e9).contains(&seconds) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just above")]
        let seconds = seconds.round() as u64;
        let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        let parts = [(hours, "h"), (minutes, "m"), (rest, "s")];
        let said: Vec<String> =
            parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
        Some(if said.is_empty() { "0s".to_owned() } else { said.join(" ") })
    }

    /// `2026-11-24 15:00–15:30 (America/New_York)`: the clock's time as the event wrote it.
    fn when(&self) -> Option<String> {
        let (start, end) = (self.one(&["/start", "/startTime"])?, self.one(&["/end", "/endTime"]));
        let zone = self.one(&["/timeZone", "/timezone"]);
        let Some((date, time, offset)) = moment(&start) else { return Some(start) };
        let until = end.as_deref().and_then(moment).filter(|(_, _, other)| *other == offset);
        let until = match until {
            Some((last, time, _)) if last == date => format!("–{time}"),
            Some((last, time, _)) => format!(" – {last} {time}"),
            None => String::new(),
        };
        // The offset says which hour is meant; a zone's name only helps where the offset is its own.
        let offset = if matches!(offset, "Z" | "+00:00") { "UTC".to_owned() } else { format!("UTC{offset}") };
        let zone =
            zone.filter(|_| offset != "UTC").map_or(offset.clone(), |zone| format!("{zone}, {offset}"));
        Some(format!("{date} {time}{until} ({zone})"))
    }
}

/// Date, hour and minute, and offset of an RFC 3339 timestamp.
fn moment(text: &str) -> Option<(&str, &str, &str)> {
    let (date, rest) = (text.get(..10)?, text.get(11..)?);
    let time = rest.get(..5)?;
    let offset =
        rest.get(5..)?.trim_start_matches([':', '.', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    let shaped = date.as_bytes()[4] == b'-' && time.as_bytes()[2] == b':';
    (shaped && matches!(offset.len(), 1 | 6)).then_some((date, time, offset))
}
