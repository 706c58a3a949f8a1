//! Enumerations whose values are written by name in a configuration. For an unknown name the error message has the most
//! similar known one, on the command line, in a JSON file and across JNI alike.

/// A type whose values have names.
pub trait Named {
    /// Every name, in the order of the declaration.
    const NAMES: &'static [&'static str];
}

/// Declares an enum whose variants have names, with `Display`, `FromStr` and serde by those names.
macro_rules! names {
    ($(#[$doc:meta])* pub enum $type:ident($what:literal) { $($variant:ident = $name:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $type { $(#[doc = concat!("`", $name, "`")] $variant,)+ }

        impl $crate::names::Named for $type {
            const NAMES: &'static [&'static str] = &[$($name),+];
        }

        impl $type {
            /// Every name, in the order of the declaration.
            pub const NAMES: &'static [&'static str] = <Self as $crate::names::Named>::NAMES;

            /// The name in configurations and messages.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;
            fn from_str(text: &str) -> std::result::Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::names::unknown($what, text, Self::NAMES)),
                }
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use names;

/// The message for an unknown name: the most similar known one, and all known ones.
pub(crate) fn unknown(what: &str, text: &str, known: &[&str]) -> String {
    match nearest(text, known) {
        Some(near) => format!("unknown {what} {text}, did you mean {near}? known: {}", known.join(", ")),
        None => format!("unknown {what} {text}, known: {}", known.join(", ")),
    }
}

/// The known name that is most similar to `text`, if one is similar enough that `text` may be a misspelling of it.
pub(crate) fn nearest<'a>(text: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(&text.to_lowercase(), name);
    let near = known.iter().min_by_key(|name| distance(name))?;
    (distance(near) <= 1 + text.len() / 3).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_similar_name_is_suggested_and_a_different_one_is_not() {
        assert_eq!(nearest("cifar10_quik", &["cifar10_full", "cifar10_quick"]), Some("cifar10_quick"));
        assert_eq!(nearest("resnet50", &["cifar10_full", "cifar10_quick"]), None);
    }
}
