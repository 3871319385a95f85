//! PostgreSQL's `numeric`, which is what it makes of the sum of integers.

use tokio_postgres::types::{FromSql, Type};

use super::Value;

/// A number without bounds, as an integer where it is one that fits, else as the nearest real.
pub(super) struct Numeric(pub(super) Value);

/// Digits are in groups of four.
const BASE: f64 = 10_000.0;
const NEGATIVE: u16 = 0x4000;
const POSITIVE: u16 = 0;

impl FromSql<'_> for Numeric {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let mut words = raw
            .chunks_exact(2)
            .map(|word| u16::from_be_bytes([word[0], word[1]]));
        let header: Vec<u16> = words.by_ref().take(4).collect();
        let [_, weight, sign, _] = header[..] else {
            return Err("a number that ends early".into());
        };
        let negative = match sign {
            POSITIVE => false,
            NEGATIVE => true,
            // Not a number, and the infinities.
            _ => return Ok(Self(Value::Null)),
        };
        let weight = i32::from(weight.cast_signed());
        let digits: Vec<u16> = words.collect();
        let value = whole(&digits, weight, negative).map_or_else(
            || Value::Real(real(&digits, weight, negative)),
            Value::Integer,
        );
        Ok(Self(value))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::NUMERIC
    }
}

/// The integer, where nothing stands behind the point and it has 64 bits.
fn whole(digits: &[u16], weight: i32, negative: bool) -> Option<i64> {
    let before = usize::try_from(weight + 1).ok()?;
    if digits.iter().skip(before).any(|digit| *digit != 0) || before > 5 {
        return None;
    }
    let digits = (0..before).map(|at| i128::from(digits.get(at).copied().unwrap_or(0)));
    let value = digits.fold(0, |value, digit| value * 10_000 + digit);
    i64::try_from(if negative { -value } else { value }).ok()
}

fn real(digits: &[u16], weight: i32, negative: bool) -> f64 {
    let digits = digits.iter().zip(0..);
    let value: f64 = digits
        .map(|(digit, at)| f64::from(*digit) * BASE.powi(weight - at))
        .sum();
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(weight: i16, sign: u16, digits: &[u16]) -> Value {
        let header = [digits.len() as u16, weight.cast_unsigned(), sign, 0];
        let words = header.into_iter().chain(digits.iter().copied());
        let raw: Vec<u8> = words.flat_map(u16::to_be_bytes).collect();
        Numeric::from_sql(&Type::NUMERIC, &raw).unwrap().0
    }

    #[test]
    fn a_number_is_an_integer_where_it_can_be() {
        assert_eq!(read(0, 0, &[]), Value::Integer(0));
        assert_eq!(read(0, 0, &[7]), Value::Integer(7));
        assert_eq!(read(1, NEGATIVE, &[12, 345]), Value::Integer(-120_345));
        // Groups of zeros at the end are left out.
        assert_eq!(read(2, 0, &[1]), Value::Integer(100_000_000));
        assert_eq!(read(0, 0, &[1, 5_000]), Value::Real(1.5));
        assert_eq!(read(-1, 0, &[2_500]), Value::Real(0.25));
        assert_eq!(read(4, 0, &[9_999, 0, 0, 0, 0]), Value::Real(9.999e19));
        assert_eq!(read(0, 0xc000, &[]), Value::Null);
    }
}
