//! What many flags of a ruleset say alike, kept once: names, attributes, short lists.
//!
//! Ten thousand flags ask for the same dozen attributes and list the same countries. Shared, such a part costs a pointer
//! instead of two allocations, and a check finds it in the processor's cache because other flags' checks were there before.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::{HashMap, HashTable};

use crate::ir::{Expr, Ids, Path};
use crate::ruleset::Text;
use crate::value::same;

/// Longer texts are hardly ever the same, and looking for them costs what it saves.
const MAX_TEXT: usize = 64;
/// The same of lists: these are compared as they are, and longer ones are somebody's users.
const MAX_LIST: usize = 8;

type Map<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// The parts that were met. Lives as long as a ruleset is compiled.
#[derive(Default)]
pub struct Common {
    texts: Map<Arc<str>, Arc<str>>,
    attributes: Map<Arc<str>, Arc<Expr>>,
    lists: HashTable<List>,
}

/// A list that was met.
struct List {
    print: u64,
    names: Box<[Arc<str>]>,
    ids: Ids,
}

impl Common {
    /// The text, kept once.
    pub fn text(&mut self, text: &Text<'_>) -> Arc<str> {
        if text.len() > MAX_TEXT {
            return text.share();
        }
        if let Some(known) = self.texts.get(&**text) {
            return known.clone();
        }
        let kept = text.share();
        self.texts.insert(kept.clone(), kept.clone());
        kept
    }

    /// The attribute of that name; `user_id` is the targeting key.
    pub fn attribute(&mut self, name: &Text<'_>) -> Arc<Expr> {
        if let Some(known) = self.attributes.get(&**name) {
            return known.clone();
        }
        let text = self.text(name);
        let attribute = match &*text {
            "user_id" => Expr::Key,
            _ => Expr::Attr(Arc::new(Path { name: text.clone(), rest: Box::new([]) })),
        };
        let attribute = Arc::new(attribute);
        self.attributes.insert(text, attribute.clone());
        attribute
    }

    /// The targeting key.
    pub fn key(&mut self) -> Arc<Expr> {
        self.attribute(&Text::Lent("user_id"))
    }

    /// The set of these texts.
    pub fn ids(&mut self, texts: &[Text<'_>]) -> Ids {
        if texts.len() > MAX_LIST {
            return Ids::new(texts);
        }
        let mut hasher = self.texts.hasher().build_hasher();
        texts.iter().for_each(|text| hasher.write(text.as_bytes()));
        let print = hasher.finish();
        let is_same = |list: &List| list.names.len() == texts.len() && list.names.iter().zip(texts).all(|(a, b)| same(a, b));
        if let Some(known) = self.lists.find(print, is_same) {
            return known.ids.clone();
        }
        let names: Box<[Arc<str>]> = texts.iter().map(|text| self.text(text)).collect();
        let ids = Ids::few(&names);
        self.lists.insert_unique(print, List { print, names, ids: ids.clone() }, |list| list.print);
        ids
    }
}
