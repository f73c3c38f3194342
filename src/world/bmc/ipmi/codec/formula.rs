//! From a sensor's byte to a number in its unit (IPMI 2.0, sections 36.3 and 43.1, bytes 21 to 30).

use super::bytes::Reader;
use crate::base::bmc::Unit;

/// How a byte is read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Unsigned,
    OnesComplement,
    TwosComplement,
}

/// What is done with a value at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Linearisation {
    Linear,
    Ln,
    Log10,
    Log2,
    Exp,
    Exp10,
    Exp2,
    Inverse,
    Square,
    Cube,
    SquareRoot,
    CubeRoot,
}

/// `y = L((M x + B * 10^K1) * 10^K2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factors {
    m: i16,
    b: i16,
    b_exponent: i32,
    result_exponent: i32,
}

/// How a sensor's byte becomes a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Formula {
    format: Format,
    linearisation: Linearisation,
    factors: Factors,
    scale: Scale,
    /// The factors are those for one value alone; the BMC is asked for those of another (section 35.5).
    pub(crate) is_nonlinear: bool,
    pub(crate) unit: Unit,
}

/// Temperatures are told in degrees Celsius, whatever the sensor measures in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    AsItIs,
    Fahrenheit,
    Kelvin,
}

impl Formula {
    /// Reads a full record from its units on; none where the sensor has no number.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [units, base, _modifier, linearisation] = reader.array()?;
        let factors = Factors::read(reader)?;
        let format = match units >> 6 {
            0 => Format::Unsigned,
            1 => Format::OnesComplement,
            2 => Format::TwosComplement,
            _ => return None,
        };
        let kind = linearisation & 0x7f;
        let is_nonlinear = kind >= 0x70;
        if factors.m == 0 && !is_nonlinear {
            return None; // every byte would be the same number
        }
        let (unit, scale) = unit(units, base);
        Some(Self {
            format,
            linearisation: linear(kind),
            factors,
            scale,
            is_nonlinear,
            unit,
        })
    }

    pub(crate) fn with(self, factors: Factors) -> Self {
        Self { factors, ..self }
    }

    /// The number that a byte stands for; none where there is none, such as the logarithm of 0.
    pub(crate) fn value(&self, byte: u8) -> Option<f64> {
        let x = match self.format {
            Format::Unsigned => f64::from(byte),
            Format::OnesComplement if byte & 0x80 != 0 => -f64::from(!byte),
            Format::OnesComplement => f64::from(byte),
            Format::TwosComplement => f64::from(byte.cast_signed()),
        };
        let Factors {
            m,
            b,
            b_exponent,
            result_exponent,
        } = self.factors;
        let sum = f64::from(m) * x + shifted(f64::from(b), b_exponent);
        let value = self.linearisation.of(shifted(sum, result_exponent));
        let value = match self.scale {
            Scale::AsItIs => value,
            Scale::Fahrenheit => (value - 32.0) * 5.0 / 9.0,
            Scale::Kelvin => value - 273.15,
        };
        value.is_finite().then_some(value)
    }
}

impl Factors {
    /// M, tolerance, B, accuracy and the exponents, as records and Get Sensor Reading Factors have them.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [m, m_high, b, b_high, _, exponents] = reader.array()?;
        Some(Self {
            m: ten_bits(m, m_high),
            b: ten_bits(b, b_high),
            b_exponent: four_bits(exponents & 0x0f),
            result_exponent: four_bits(exponents >> 4),
        })
    }
}

impl Linearisation {
    fn of(self, x: f64) -> f64 {
        match self {
            Self::Linear => x,
            Self::Ln => x.ln(),
            Self::Log10 => x.log10(),
            Self::Log2 => x.log2(),
            Self::Exp => x.exp(),
            Self::Exp10 => 10_f64.powf(x),
            Self::Exp2 => x.exp2(),
            Self::Inverse => x.recip(),
            Self::Square => x * x,
            Self::Cube => x * x * x,
            Self::SquareRoot => x.sqrt(),
            Self::CubeRoot => x.cbrt(),
        }
    }
}

fn linear(kind: u8) -> Linearisation {
    match kind {
        1 => Linearisation::Ln,
        2 => Linearisation::Log10,
        3 => Linearisation::Log2,
        4 => Linearisation::Exp,
        5 => Linearisation::Exp10,
        6 => Linearisation::Exp2,
        7 => Linearisation::Inverse,
        8 => Linearisation::Square,
        9 => Linearisation::Cube,
        10 => Linearisation::SquareRoot,
        11 => Linearisation::CubeRoot,
        _ => Linearisation::Linear,
    }
}

/// The unit of a sensor (table 43-15).
fn unit(units: u8, base: u8) -> (Unit, Scale) {
    const RATE_AND_MODIFIER: u8 = 0x3e;
    const PERCENTAGE: u8 = 0x01;
    if units & RATE_AND_MODIFIER != 0 {
        return (Unit::Other, Scale::AsItIs);
    }
    if units & PERCENTAGE != 0 {
        return (Unit::Percent, Scale::AsItIs);
    }
    let unit = match base {
        1 => Unit::Celsius,
        2 => return (Unit::Celsius, Scale::Fahrenheit),
        3 => return (Unit::Celsius, Scale::Kelvin),
        4 => Unit::Volts,
        5 => Unit::Amperes,
        6 => Unit::Watts,
        18 => Unit::Rpm,
        _ => Unit::Other,
    };
    (unit, Scale::AsItIs)
}

/// `value * 10^exponent`, rounded once: 0.1 is no binary number, and 10 is one.
fn shifted(value: f64, exponent: i32) -> f64 {
    let power = 10_f64.powi(exponent.abs());
    if exponent < 0 {
        value / power
    } else {
        value * power
    }
}

/// A number of ten bits in two's complement; the two highest are at the top of `high`.
fn ten_bits(low: u8, high: u8) -> i16 {
    let bits = u16::from(high >> 6) << 8 | u16::from(low);
    (bits << 6).cast_signed() >> 6
}

fn four_bits(bits: u8) -> i32 {
    i32::from((bits << 4).cast_signed() >> 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Units, base unit, linearisation, M, B, exponents; a byte, and what it stands for.
    type Case = (u8, u8, u8, i16, i16, (i8, i8), u8, Option<f64>, Unit);

    fn formula((units, base, linearisation, m, b, exponents, ..): &Case) -> Option<Formula> {
        let split = |number: i16| {
            let [low, high] = number.to_le_bytes();
            [low, high << 6]
        };
        let ([m, m_high], [b, b_high]) = (split(*m), split(*b));
        let (of_b, of_result) = exponents;
        let exponents = (of_b & 0x0f | of_result << 4).cast_unsigned();
        let bytes = [
            *units,
            *base,
            0,
            *linearisation,
            m,
            m_high,
            b,
            b_high,
            0,
            exponents,
        ];
        Formula::read(&mut Reader(&bytes))
    }

    #[test]
    fn bytes_become_numbers() {
        let cases: [Case; 16] = [
            (0x00, 1, 0, 1, 0, (0, 0), 42, Some(42.0), Unit::Celsius),
            (0x80, 1, 0, 1, 0, (0, 0), 0xf6, Some(-10.0), Unit::Celsius),
            (0x40, 1, 0, 1, 0, (0, 0), 0xf5, Some(-10.0), Unit::Celsius),
            (0x00, 18, 0, 60, 0, (0, 0), 100, Some(6000.0), Unit::Rpm),
            (0x00, 4, 0, 63, 0, (0, -3), 192, Some(12.096), Unit::Volts),
            (0x00, 4, 0, 5, -20, (1, -2), 250, Some(10.5), Unit::Volts),
            (0x00, 5, 0, -2, 511, (0, 0), 3, Some(505.0), Unit::Amperes),
            (0x00, 6, 8, 1, 0, (0, 0), 12, Some(144.0), Unit::Watts),
            (0x00, 6, 7, 1, 0, (0, 0), 0, None, Unit::Watts),
            (0x00, 6, 7, 1, 0, (0, 0), 4, Some(0.25), Unit::Watts),
            (0x00, 6, 10, 1, 0, (0, 0), 81, Some(9.0), Unit::Watts),
            (0x01, 0, 0, 1, 0, (0, 0), 7, Some(7.0), Unit::Percent),
            (0x00, 2, 0, 1, 0, (0, 0), 212, Some(100.0), Unit::Celsius),
            (0x00, 3, 0, 2, 0, (0, 0), 150, Some(26.85), Unit::Celsius),
            (0x18, 6, 0, 1, 0, (0, 0), 7, Some(7.0), Unit::Other),
            (0x00, 77, 3, 1, 0, (0, 0), 8, Some(3.0), Unit::Other),
        ];
        for case in cases {
            let (.., byte, expected, unit) = case;
            let formula = formula(&case).unwrap();
            let value = formula.value(byte);
            let rounded = value.map(|value| (value * 1e9).round() / 1e9);
            assert_eq!((rounded, formula.unit), (expected, unit), "{case:?}");
        }
    }

    #[test]
    fn what_has_no_number_has_no_formula() {
        for (units, m) in [(0xc0, 1), (0x00, 0)] {
            let case: Case = (units, 0, 0, m, 0, (0, 0), 0, None, Unit::Other);
            assert_eq!(formula(&case), None);
        }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..12), byte: u8) {
            if let Some(formula) = Formula::read(&mut Reader(&bytes)) {
                prop_assert!(formula.value(byte).is_none_or(f64::is_finite));
            }
        }
    }
}
