//! JSON into trees, without places. Texts are lent where the caller can do with that.

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::node::{Key, Kind, Mark, Text, Tree};
use super::parse::problem;
use super::problem::Problem;
use crate::value::{last_of_each, repeats};

/// The tree of a JSON text, and whether its keys are plain: none comes twice, and none means something in YAML.
pub(super) fn read_json<'j, 't>(text: &'j str, lend: &dyn Fn(&'j str) -> Text<'t>) -> Result<(Tree<'t>, bool), Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let mut open = Open { lend, items: Vec::new(), entries: Vec::new(), is_plain: true };
    Part(&mut open)
        .deserialize(&mut deserializer)
        .and_then(|tree| deserializer.end().map(|()| tree))
        .map(|tree| (tree, open.is_plain))
        .map_err(|error| problem(Mark { line: error.line() as u32, column: error.column() as u32 }, error.to_string()))
}

/// Inside of something larger that is being read.
impl<'de> Deserialize<'de> for Tree<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Part(&mut Open { lend: &Text::Lent, items: Vec::new(), entries: Vec::new(), is_plain: true }).deserialize(deserializer)
    }
}

/// What has been read of the lists and maps that are not at their end, the inner ones' parts after the outer ones': so a list knows its
/// length before it is made, and costs one allocation.
struct Open<'o, 'j, 't> {
    lend: &'o dyn Fn(&'j str) -> Text<'t>,
    items: Vec<Tree<'t>>,
    entries: Vec<(Key<'t>, Tree<'t>)>,
    is_plain: bool,
}

/// The next part.
struct Part<'p, 'o, 'j, 't>(&'p mut Open<'o, 'j, 't>);

impl<'j, 't> DeserializeSeed<'j> for Part<'_, '_, 'j, 't> {
    type Value = Tree<'t>;

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<Tree<'t>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'j, 't> Visitor<'j> for Part<'_, '_, 'j, 't> {
    type Value = Tree<'t>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Tree<'t>, E> {
        Ok(Tree::new(Kind::Null))
    }
    fn visit_bool<E>(self, bool: bool) -> Result<Tree<'t>, E> {
        Ok(Tree::new(Kind::Bool(bool)))
    }
    fn visit_i64<E>(self, int: i64) -> Result<Tree<'t>, E> {
        Ok(Tree::new(Kind::Int(int)))
    }
    fn visit_u64<E>(self, int: u64) -> Result<Tree<'t>, E> {
        Ok(Tree::new(i64::try_from(int).map_or(Kind::Float(int as f64), Kind::Int)))
    }
    fn visit_f64<E>(self, float: f64) -> Result<Tree<'t>, E> {
        Ok(Tree::new(Kind::Float(float)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Tree<'t>, E> {
        Ok(Tree::new(Kind::Text(Text::Shared(text.into()))))
    }
    fn visit_borrowed_str<E>(self, text: &'j str) -> Result<Tree<'t>, E> {
        Ok(Tree::new(Kind::Text((self.0.lend)(text))))
    }
    fn visit_seq<A: SeqAccess<'j>>(self, mut seq: A) -> Result<Tree<'t>, A::Error> {
        let from = self.0.items.len();
        while let Some(item) = seq.next_element_seed(Part(self.0))? {
            self.0.items.push(item);
        }
        Ok(Tree::new(Kind::List(self.0.items.drain(from..).collect())))
    }
    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Tree<'t>, A::Error> {
        let from = self.0.entries.len();
        while let Some(text) = map.next_key_seed(Name(self.0))? {
            self.0.is_plain &= &*text != "<<";
            let part = map.next_value_seed(Part(self.0))?;
            self.0.entries.push((Key { at: Mark::default(), text }, part));
        }
        if !repeats(&self.0.entries[from..]) {
            return Ok(Tree::new(Kind::Map(self.0.entries.drain(from..).collect())));
        }
        self.0.is_plain = false;
        Ok(Tree::new(Kind::Map(last_of_each(self.0.entries.split_off(from)).into())))
    }
}

/// The next key.
struct Name<'p, 'o, 'j, 't>(&'p mut Open<'o, 'j, 't>);

impl<'j, 't> DeserializeSeed<'j> for Name<'_, '_, 'j, 't> {
    type Value = Text<'t>;

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<Text<'t>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'j, 't> Visitor<'j> for Name<'_, '_, 'j, 't> {
    type Value = Text<'t>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, text: &str) -> Result<Text<'t>, E> {
        Ok(Text::Shared(text.into()))
    }
    fn visit_borrowed_str<E>(self, text: &'j str) -> Result<Text<'t>, E> {
        Ok((self.0.lend)(text))
    }
}
