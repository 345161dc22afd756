//! Checks of single values.

use super::ValueShape;
use crate::mistake::ValueProblem;

/// The longest value in bytes. The longest key of a user that the CRD accepts has this length.
const LONGEST: usize = 16_384;

impl ValueShape {
    /// Returns a description of the expected value, for messages.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Map(_) => "a map of keys".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::Quantity => "a quantity such as 500m, 2 or 10Gi".to_owned(),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::Boolean => "true or false".to_owned(),
            Self::Text => "a text".to_owned(),
        }
    }

    /// Checks a scalar; `plain` means that it is written without quotes.
    pub(super) fn scalar(&self, text: &str, plain: bool) -> Result<(), ValueProblem> {
        if text.len() > LONGEST {
            return Err(ValueProblem::TooLong { length: text.len(), max: LONGEST });
        }
        match self {
            Self::Map(_) | Self::List(_) => Err(ValueProblem::Expected(self.expected())),
            Self::Text => Ok(()),
            Self::Choice(choices) if choices.iter().any(|choice| choice == text) => Ok(()),
            Self::Choice(choices) => {
                Err(ValueProblem::Choice { text: text.to_owned(), choices: choices.clone() })
            }
            Self::Boolean => match (text, plain) {
                ("true" | "false", true) => Ok(()),
                ("true" | "false", false) => Err(ValueProblem::Quoted(text.to_owned())),
                _ => Err(ValueProblem::Boolean(text.to_owned())),
            },
            Self::Quantity => match devplat_api::Amount::parse(text) {
                Ok(_) if plain => leading_zero(text),
                Ok(_) => Ok(()),
                Err(_) => Err(ValueProblem::Quantity(text.to_owned())),
            },
            Self::Integer { min, max } => {
                let number = integer(text, plain)?;
                if (*min..=*max).contains(&number) {
                    Ok(())
                } else {
                    Err(ValueProblem::Range { number, min: *min, max: *max })
                }
            }
        }
    }
}

fn integer(text: &str, plain: bool) -> Result<i64, ValueProblem> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
        if !plain {
            return Err(ValueProblem::Quoted(text.to_owned()));
        }
        leading_zero(text)?;
        return text.parse().map_err(|_| ValueProblem::Integer(text.to_owned()));
    }
    let lower = text.to_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(decimal) =
            lower.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok())
        {
            return Err(ValueProblem::NotDecimal { text: text.to_owned(), decimal });
        }
    }
    Err(ValueProblem::Integer(text.to_owned()))
}

fn leading_zero(text: &str) -> Result<(), ValueProblem> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let number = digits.trim_start_matches('0');
    let zeros = digits.len() - number.len();
    let least = usize::from(!number.starts_with(|c: char| c.is_ascii_digit()));
    if zeros <= least {
        return Ok(());
    }
    let decimal = format!("{sign}{}{number}", "0".repeat(least));
    Err(ValueProblem::LeadingZero { text: text.to_owned(), decimal })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: ValueShape = ValueShape::Integer { min: 0, max: 65535 };

    fn problem(value: &ValueShape, text: &str) -> String {
        value.scalar(text, true).unwrap_err().to_string()
    }

    #[test]
    fn decimal_integers_within_their_limits_are_accepted() {
        for text in ["0", "1", "30022", "65535"] {
            assert_eq!(PORT.scalar(text, true), Ok(()), "{text}");
        }
    }

    #[test]
    fn integer_in_another_notation_is_rejected_with_the_reason() {
        assert_eq!(
            problem(&PORT, "030022"),
            "\"030022\" has a leading zero, which some readers of YAML take for octal; write 30022"
        );
        assert_eq!(
            problem(&PORT, "00"),
            "\"00\" has a leading zero, which some readers of YAML take for octal; write 0"
        );
        assert_eq!(problem(&PORT, "0x7546"), "\"0x7546\" is not decimal; write 30022");
        assert_eq!(problem(&PORT, "0o17"), "\"0o17\" is not decimal; write 15");
        for text in ["many", "1_000", "1e3", "1.0", "+1", "-", "٣", "99999999999999999999"] {
            assert_eq!(problem(&PORT, text), format!("{text:?} is not an integer"));
        }
        assert_eq!(problem(&PORT, "65536"), "65536 is outside 0 to 65535");
        assert_eq!(problem(&PORT, "-1"), "-1 is outside 0 to 65535");
    }

    #[test]
    fn quoted_number_or_boolean_is_rejected_with_the_reason() {
        for (value, text) in [(PORT, "1"), (ValueShape::Boolean, "true")] {
            let problem = value.scalar(text, false).unwrap_err().to_string();
            assert_eq!(problem, format!("{text:?} is a text because of its quotes; write it without them"));
        }
    }

    #[test]
    fn endless_text_is_rejected_without_a_copy_of_it() {
        let text = "a".repeat(LONGEST + 1);
        for value in [PORT, ValueShape::Text, ValueShape::Quantity, ValueShape::Boolean] {
            assert_eq!(problem(&value, &text), "a text of 16385 bytes; at most 16384 are allowed");
        }
        assert_eq!(ValueShape::Text.scalar(&text[1..], true), Ok(()));
    }

    #[test]
    fn quantities_have_no_leading_zero_either() {
        for text in ["0", "0.5", "500m", "10Gi"] {
            assert_eq!(ValueShape::Quantity.scalar(text, true), Ok(()), "{text}");
        }
        assert!(ValueShape::Quantity.scalar("010", true).is_err());
        assert!(problem(&ValueShape::Quantity, "010Gi").ends_with("write 10Gi"));
        assert!(problem(&ValueShape::Quantity, "00.5").ends_with("write 0.5"));
        for text in ["10GB", "1e400", &"1".repeat(33)] {
            let what = format!("{text:?} is not a quantity");
            assert!(problem(&ValueShape::Quantity, text).starts_with(&what), "{text}");
        }
    }
}
