//! One macro that makes a section's struct, its list of keys, its reader and its printer from one list of fields.

use crate::settings::change::ChangeEffect;

/// A key of the config file as the program knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConfigKey {
    /// The table it stands in.
    pub section: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// What a reload does with a new value.
    pub effect: ChangeEffect,
}

impl ConfigKey {
    /// `section.name`, as people write it.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// Makes `pub struct $name` for the table `[$section]`; `=> Applied` or `=> NeedsRestart` says what a reload does with each field.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $name:ident = $section:literal {
            $( $(#[$field_meta:meta])* $field:ident: $kind:ty => $effect:ident, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $kind, )+
        }

        impl $name {
            pub(super) const KEYS: &'static [$crate::settings::section::ConfigKey] = &[
                $( $crate::settings::section::ConfigKey {
                    section: $section,
                    name: stringify!($field),
                    effect: $crate::settings::change::ChangeEffect::$effect,
                }, )+
            ];

            pub(super) fn read(reader: &mut $crate::settings::reader::KeyReader<'_>) -> Option<Self> {
                // Every field is read before the first missing one ends it, so that all findings are reported.
                $( let $field = reader.read::<$kind>($section, stringify!($field)); )+
                Some(Self { $( $field: $field?, )+ })
            }

            /// Takes over what a reload can apply.
            pub(super) fn take_live(&mut self, new: &Self) {
                $( if $crate::settings::change::ChangeEffect::$effect == $crate::settings::change::ChangeEffect::Applied {
                    self.$field.clone_from(&new.$field);
                } )+
            }

            pub(super) fn show(&self) -> Vec<Option<toml::Value>> {
                vec![ $( $crate::settings::kinds::SettingKind::show(&self.$field), )+ ]
            }
        }
    };
}
pub(super) use section;
