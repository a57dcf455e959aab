//! A listing of a bucket that holds names which no path has, such as `a//b`: other programs make them. An answer that has one of them is
//! refused as a whole, so they are searched for with shorter answers, and passed over.

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::{self, Path};
use object_store::{Error, ObjectMeta, Result};
use tracing::warn;

use crate::storage::object::patience::in_time;

/// As many as S3 gives in one answer.
const LONGEST: usize = 1000;
/// How much shorter the next answer is.
const SHORTER: usize = 10;

/// Where the next answer begins.
#[derive(Debug, Clone, Default)]
struct AnswerStart {
    /// Behind this name.
    offset: Option<String>,
    /// Where the last answer ended, by the store's own word.
    page_token: Option<String>,
}

/// A listing under way.
struct OddListing<S> {
    store: S,
    prefix: Option<String>,
    start: AnswerStart,
    longest: usize,
    is_done: bool,
}

/// Every object below a folder but those with such names. The store has to list in the order of names.
pub(super) fn list_past_odd_names(
    store: impl PaginatedListStore,
    prefix: Option<&Path>,
) -> BoxStream<'static, Result<ObjectMeta>> {
    let listing = OddListing {
        store,
        prefix: prefix.map(|prefix| format!("{prefix}/")),
        start: AnswerStart::default(),
        longest: LONGEST,
        is_done: false,
    };
    let answers = stream::try_unfold(listing, OddListing::next);
    answers
        .map_ok(|found| stream::iter(found).map(Ok))
        .try_flatten()
        .boxed()
}

impl<S: PaginatedListStore> OddListing<S> {
    async fn next(mut self) -> Result<Option<(Vec<ObjectMeta>, Self)>> {
        while !self.is_done {
            let options = PaginatedListOptions {
                offset: self.start.offset.clone(),
                page_token: self.start.page_token.clone(),
                max_keys: Some(self.longest),
                ..PaginatedListOptions::default()
            };
            match in_time(0, self.store.list_paginated(self.prefix.as_deref(), options)).await {
                Ok(answer) => {
                    self.is_done = answer.page_token.is_none();
                    self.start.page_token = answer.page_token;
                    self.longest = (self.longest * SHORTER).min(LONGEST);
                    return Ok(Some((answer.result.objects, self)));
                }
                Err(Error::InvalidPath { .. }) if self.longest > 1 => self.longest /= SHORTER,
                Err(Error::InvalidPath { source }) => {
                    let Some(name) = name_of(&source) else {
                        return Err(source.into());
                    };
                    warn!(name, "an object whose name no path has is passed over");
                    self.start = AnswerStart {
                        offset: Some(behind(name)),
                        page_token: None,
                    };
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// The name that an answer was refused for.
fn name_of(error: &path::Error) -> Option<&str> {
    match error {
        path::Error::EmptySegment { path } | path::Error::BadSegment { path, .. } => Some(path),
        _ => None,
    }
}

/// What stands before the next name that may be a path's: all with the same empty folder in them are none.
fn behind(name: &str) -> String {
    match name.find("//") {
        Some(at) => format!("{}\u{10ffff}", &name[..at + 2]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::future::{BoxFuture, FutureExt};
    use object_store::ListResult;
    use object_store::list::PaginatedListResult;

    use super::*;

    /// Answers as S3 does, and counts how often.
    struct Bucket(BTreeSet<String>);

    impl Bucket {
        #[expect(
            clippy::default_trait_access,
            reason = "the types are of crates that this one does not name"
        )]
        fn answer(&self, prefix: &str, asked: PaginatedListOptions) -> Result<PaginatedListResult> {
            let after = asked.page_token.or(asked.offset).unwrap_or_default();
            let names = self.0.iter().filter(|name| name.starts_with(prefix));
            let mut left = names.filter(|name| **name > after).peekable();
            let (mut objects, mut last) = (Vec::new(), None);
            for name in left.by_ref().take(asked.max_keys.unwrap_or(LONGEST)) {
                objects.push(ObjectMeta {
                    location: Path::parse(name)?,
                    last_modified: Default::default(),
                    size: 1,
                    e_tag: None,
                    version: None,
                });
                last = Some(name.clone());
            }
            let result = ListResult {
                common_prefixes: Vec::new(),
                objects,
                extensions: Default::default(),
            };
            let page_token = left.peek().and(last);
            Ok(PaginatedListResult { result, page_token })
        }
    }

    impl PaginatedListStore for Bucket {
        fn list_paginated<'s, 'p, 'f>(
            &'s self,
            prefix: Option<&'p str>,
            asked: PaginatedListOptions,
        ) -> BoxFuture<'f, Result<PaginatedListResult>>
        where
            's: 'f,
            'p: 'f,
        {
            std::future::ready(self.answer(prefix.unwrap_or_default(), asked)).boxed()
        }
    }

    #[tokio::test]
    async fn names_that_no_path_has_are_passed_over_and_no_other() {
        let sound: Vec<String> = (0..2_500)
            .map(|number| format!("pre/raw/B{number:05}.tar.gz"))
            .collect();
        for odd in [
            &[][..],
            &["pre//x"],
            &["pre/raw//x", "pre/raw//y", "pre/raw/./x", "pre/raw/B00700\u{1}"],
            &["pre/raw/../x", "pre/zzz//x"],
        ] {
            let names = sound.iter().cloned().chain(odd.iter().map(|name| (*name).to_owned()));
            let bucket = Bucket(names.chain(["other/y".to_owned()]).collect());
            let found = list_past_odd_names(bucket, Some(&Path::from("pre")));
            let found: Vec<ObjectMeta> = found.try_collect().await.unwrap();
            let found: Vec<String> = found.into_iter().map(|object| object.location.into()).collect();
            assert_eq!(found, sound, "{odd:?}");
        }
    }
}
