//! Numbers: whole ones in four radixes, and those with a fraction or an exponent.

/// A number as read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i128),
    Float(f64),
}

/// Why a word is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    Malformed,
    TooLarge,
}

pub(super) fn read(word: &str) -> Result<Number, NumberError> {
    let (is_negative, digits) = match word.as_bytes() {
        [b'-', ..] => (true, &word[1..]),
        [b'+', ..] => (false, &word[1..]),
        _ => (false, word),
    };
    let radixes = [("0x", 16), ("0o", 8), ("0b", 2)];
    let other = radixes
        .into_iter()
        .find_map(|(mark, radix)| Some((digits.strip_prefix(mark)?, radix)));
    if let Some((digits, radix)) = other {
        return integer(digits, radix, is_negative);
    }
    if digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'_')
    {
        return integer(digits, 10, is_negative);
    }
    float(digits, is_negative)
}

fn integer(digits: &str, radix: u32, is_negative: bool) -> Result<Number, NumberError> {
    if digits.is_empty() || digits.starts_with('_') {
        return Err(NumberError::Malformed);
    }
    let mut number = 0_i128;
    for c in digits.chars().filter(|c| *c != '_') {
        let digit = c.to_digit(radix).ok_or(NumberError::Malformed)?;
        let digit = i128::from(if is_negative {
            -i64::from(digit)
        } else {
            i64::from(digit)
        });
        number = number
            .checked_mul(i128::from(radix))
            .and_then(|number| number.checked_add(digit))
            .ok_or(NumberError::TooLarge)?;
    }
    Ok(Number::Integer(number))
}

fn float(digits: &str, is_negative: bool) -> Result<Number, NumberError> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    let parts = [Some(whole), fraction, exponent];
    if !parts.into_iter().flatten().all(is_digits) {
        return Err(NumberError::Malformed);
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let number: f64 = plain.parse().map_err(|_| NumberError::Malformed)?;
    Ok(Number::Float(if is_negative { -number } else { number }))
}

fn is_digits(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_digit())
        && part
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_letter() {
        use Number::{Float, Integer};
        use NumberError::{Malformed, TooLarge};
        for (word, expected) in [
            ("0", Ok(Integer(0))),
            ("-1_000", Ok(Integer(-1000))),
            ("+0xFF_", Ok(Integer(255))),
            ("0o17", Ok(Integer(15))),
            ("0b1_0", Ok(Integer(2))),
            ("1.5e-3", Ok(Float(0.0015))),
            ("1E3", Ok(Float(1000.0))),
            (
                "-170141183460469231731687303715884105728",
                Ok(Integer(i128::MIN)),
            ),
            ("170141183460469231731687303715884105728", Err(TooLarge)),
            ("0x", Err(Malformed)),
            ("0x_1", Err(Malformed)),
            ("0b2", Err(Malformed)),
            ("1.", Err(Malformed)),
            ("1._5", Err(Malformed)),
            ("1.5.6", Err(Malformed)),
            ("1e", Err(Malformed)),
            ("1e1.5", Err(Malformed)),
            ("1a", Err(Malformed)),
        ] {
            assert_eq!(read(word), expected, "{word}");
        }
    }
}
