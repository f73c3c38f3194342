//! Dates as Redfish writes them (DSP0266, section "Date-Time values"; RFC 3339). Knows no clock.

use crate::base::moment::Moment;

/// Seconds since 1970; without an offset it is taken as UTC. None before 1971: clocks that were never set begin there.
pub(crate) fn moment(text: &str) -> Option<Moment> {
    let (date, rest) = text.trim().split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(number);
    let date = (date.next()??, date.next()??, date.next()??);
    let end = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, offset) = rest.split_at_checked(end)?;
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (number(time.next()?)?, number(time.next()?)?);
    let second = time.next().unwrap_or("0").split(['.', ',']).next()?;
    let local = Moment::at(date, (hour, minute, number(second)?))?;
    let at = match offset.split_at_checked(1) {
        Some(("+", offset)) => local.0.checked_sub(seconds(offset)?)?,
        Some(("-", offset)) => local.0.checked_add(seconds(offset)?)?,
        Some(_) | None => local.0,
    };
    (at >= YEAR).then_some(Moment(at))
}

const YEAR: u64 = 365 * 86_400;

fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// `05:30` or `0530`.
fn seconds(offset: &str) -> Option<u64> {
    let digits = offset.replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { "0" } else { minutes };
    Some(number(hours)? * 3600 + number(minutes)? * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_are_read_with_their_offset() {
        for (text, expected) in [
            ("2024-02-29T12:30:05Z", Some("2024-02-29 12:30:05 UTC")),
            ("2024-02-29T12:30:05.123Z", Some("2024-02-29 12:30:05 UTC")),
            ("2024-02-29T12:30:05+05:30", Some("2024-02-29 07:00:05 UTC")),
            ("2024-02-29T12:30:05-0100", Some("2024-02-29 13:30:05 UTC")),
            ("2024-02-29 12:30:05", Some("2024-02-29 12:30:05 UTC")),
            ("2024-02-29T12:30", Some("2024-02-29 12:30:00 UTC")),
            ("1970-01-01T00:00:12Z", None),
            ("2023-02-29T12:30:05Z", None),
            ("2024-02-29T25:30:05Z", None),
            ("2024-02-29", None),
            ("[NOT SET]", None),
            ("", None),
        ] {
            let read = moment(text).map(|moment| moment.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".*", date in "[0-9T:+Z. -]{0,40}") {
            moment(&text);
            moment(&date);
        }
    }
}
