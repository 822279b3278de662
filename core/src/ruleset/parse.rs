//! YAML, JSON and TOML into [`Node`]s, with places, without a schema.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use toml_edit::{Item, Table, TableLike, Value as Toml};

use super::json::read_json;
use super::node::{Key, Kind, Mark, Node, Text, Tree};
use super::problem::{Problem, Severity};

/// The most nodes that a document may have, aliases expanded: a guard against documents that explode.
const MAX_NODES: usize = 20_000_000;
/// How deep a document may nest.
const MAX_DEPTH: usize = 64;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML 1.2, core schema: `yes` and `on` are text, `true` is a boolean.
    Yaml,
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

impl Syntax {
    /// The syntax that a file's name says; YAML if it says none.
    pub fn of_path(path: &std::path::Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Self::Json,
            Some("toml") => Self::Toml,
            _ => Self::Yaml,
        }
    }
}

impl Node {
    /// Reads a document.
    ///
    /// # Errors
    /// Text that is not YAML, JSON or TOML, or a key that comes twice in one map: one problem, with its place.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Node, Problem> {
        match syntax {
            Syntax::Yaml => parse_yaml(text),
            Syntax::Json => parse_json(text),
            Syntax::Toml => parse_toml(text),
        }
    }

    /// Reads JSON that a machine wrote: quick, without places.
    ///
    /// # Errors
    /// Text that is not JSON.
    pub fn from_json(text: &str) -> Result<Node, Problem> {
        read_json(text, &|text| Text::Shared(text.into())).map(|(node, _)| node)
    }

    /// Reads JSON that a person may have written as quickly as [`Node::from_json`], for who needs the places only if something
    /// is wrong. `None` for what has to be read with places in any case: text that is not JSON, a key that comes twice,
    /// YAML's `<<`.
    pub fn without_places(text: &str) -> Option<Node> {
        read_json(text, &|text| Text::Shared(text.into())).ok().filter(|(_, is_plain)| *is_plain).map(|(node, _)| node)
    }
}

impl<'t> Tree<'t> {
    /// As [`Node::from_json`], with texts lent by the JSON wherever it holds them as they are.
    ///
    /// # Errors
    /// Text that is not JSON.
    pub fn lent_by_json(text: &'t str) -> Result<Self, Problem> {
        read_json(text, &Text::Lent).map(|(tree, _)| tree)
    }
}

pub(super) fn problem(at: Mark, message: impl Into<String>) -> Problem {
    Problem { severity: Severity::Error, path: String::new(), at, message: message.into() }
}

/// JSON is read twice: by a JSON parser, whose messages suit the reader, and then as the YAML that it also is, for the places.
fn parse_json(text: &str) -> Result<Node, Problem> {
    let plain = Node::from_json(text)?;
    match parse_yaml(text) {
        Err(problem) if problem.message.contains("comes twice") => Err(problem),
        Err(_) => Ok(plain), // the few JSON texts that are not YAML (tabs in odd places) lose their places, nothing else
        Ok(node) => Ok(node),
    }
}

// --- YAML ---------------------------------------------------------------------------------------

fn parse_yaml(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder { parser: Parser::new_from_str(text), anchors: Vec::new(), nodes: 0 };
    let mut root = None;
    loop {
        let (event, at) = builder.next()?;
        match event {
            Event::StreamEnd => break,
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if root.is_some() => {
                return Err(problem(at, "a second YAML document: put everything into one"));
            }
            event => root = Some(builder.node(event, at, 0)?),
        }
    }
    Ok(root.unwrap_or(Node::new(Kind::Null)))
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Mark), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, mark(span.start))),
            Some(Err(error)) => Err(problem(mark(*error.marker()), error.info().to_owned())),
            None => Ok((Event::StreamEnd, Mark::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, at: Mark, depth: usize) -> Result<Node, Problem> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(problem(at, format!("the document is too large: at most {MAX_DEPTH} levels and {MAX_NODES} parts")));
        }
        let (anchor, kind) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_deref())),
            Event::Alias(anchor) => {
                let known = self.anchors.iter().rev().find(|(id, _)| *id == anchor);
                let node = known.map(|(_, node)| node.clone()).ok_or_else(|| problem(at, "an alias to an anchor that is not there"))?;
                self.nodes += count(&node);
                return Ok(node);
            }
            Event::SequenceStart(anchor, _) => {
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd | Event::StreamEnd, _) => break,
                        (event, at) => list.push(self.node(event, at, depth + 1)?),
                    }
                }
                (anchor, Kind::List(list.into()))
            }
            Event::MappingStart(anchor, _) => (anchor, Kind::Map(self.mapping(depth)?)),
            _ => (0, Kind::Null),
        };
        let node = Node { at, kind };
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Arc<[(Key<'static>, Node)]>, Problem> {
        let mut entries: Vec<(Key<'static>, Node)> = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, at) = self.next()?;
            let text: Arc<str> = match event {
                Event::MappingEnd | Event::StreamEnd => break,
                // Keys are text whatever they look like: a variant may be called `true` or `1`.
                Event::Scalar(text, ..) => text.as_ref().into(),
                _ => return Err(problem(at, "a key has to be text")),
            };
            if !seen.insert(text.clone()) {
                return Err(problem(at, format!("the key \"{text}\" comes twice")));
            }
            let (event, value_at) = self.next()?;
            let node = self.node(event, value_at, depth + 1)?;
            entries.push((Key { at, text: Text::Shared(text) }, node));
        }
        Ok(merged(entries))
    }
}

/// YAML's `<<: *shared`: entries of the merged maps that the map itself does not have.
fn merged(mut entries: Vec<(Key<'static>, Node)>) -> Arc<[(Key<'static>, Node)]> {
    if let Some(at) = entries.iter().position(|(key, node)| &*key.text == "<<" && !node.entries().is_empty()) {
        let (_, shared) = entries.remove(at);
        for entry in shared.entries() {
            if !entries.iter().any(|(key, _)| key.text == entry.0.text) {
                entries.push(entry.clone());
            }
        }
    }
    entries.into()
}

fn count(node: &Node) -> usize {
    1 + match &node.kind {
        Kind::List(list) => list.iter().map(count).sum(),
        Kind::Map(entries) => entries.iter().map(|(_, node)| count(node)).sum(),
        _ => 0,
    }
}

fn mark(marker: Marker) -> Mark {
    Mark { line: marker.line() as u32, column: marker.col() as u32 + 1 }
}

/// The core schema of YAML 1.2.2, section 10.3.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Kind<'static> {
    let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
    if is_text {
        return Kind::Text(Text::Shared(text.into()));
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Kind::Text(Text::Shared(text.into()));
    }
    if let Some(int) = integer(text) {
        return Kind::Int(int);
    }
    let is_number = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    match text.parse::<f64>() {
        Ok(float) if is_number && float.is_finite() => Kind::Float(float),
        _ => Kind::Text(Text::Shared(text.into())),
    }
}

fn integer(text: &str) -> Option<i64> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok();
    }
    text.parse().ok()
}

// --- TOML ---------------------------------------------------------------------------------------

fn parse_toml(text: &str) -> Result<Node, Problem> {
    let lines = Lines::of(text);
    let document = toml_edit::Document::parse(text).map_err(|error| problem(lines.mark(error.span()), error.message().to_owned()))?;
    Ok(table(document.as_table(), Mark { line: 1, column: 1 }, &lines))
}

struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn mark(&self, span: Option<Range<usize>>) -> Mark {
        let Some(Range { start, .. }) = span else {
            return Mark::default();
        };
        let line = self.starts.partition_point(|&line| line <= start);
        let column = self.text.get(self.starts[line - 1]..start).map_or(0, |text| text.chars().count());
        Mark { line: line as u32, column: column as u32 + 1 }
    }
}

fn table(table: &dyn TableLike, at: Mark, lines: &Lines<'_>) -> Node {
    let entries = table.iter().filter_map(|(name, item)| {
        let key_at = table.key(name).map_or(Mark::default(), |key| lines.mark(key.span()));
        Some((Key { at: key_at, text: Text::Shared(name.into()) }, toml_item(item, lines)?))
    });
    Node { at, kind: Kind::Map(entries.collect()) }
}

fn toml_item(item: &Item, lines: &Lines<'_>) -> Option<Node> {
    let at = lines.mark(item.span());
    match item {
        Item::None => None,
        Item::Value(value) => Some(toml_value(value, lines)),
        Item::Table(inner) => Some(table(inner, at, lines)),
        Item::ArrayOfTables(tables) => {
            let list = tables.iter().map(|inner: &Table| table(inner, lines.mark(inner.span()), lines));
            Some(Node { at, kind: Kind::List(list.collect()) })
        }
    }
}

fn toml_value(value: &Toml, lines: &Lines<'_>) -> Node {
    let at = lines.mark(value.span());
    let kind = match value {
        Toml::String(text) => Kind::Text(Text::Shared(text.value().as_str().into())),
        Toml::Integer(int) => Kind::Int(*int.value()),
        Toml::Float(float) if float.value().is_finite() => Kind::Float(*float.value()),
        Toml::Float(float) => Kind::Text(Text::Shared(float.value().to_string().into())),
        Toml::Boolean(bool) => Kind::Bool(*bool.value()),
        Toml::Datetime(date) => Kind::Text(Text::Shared(date.value().to_string().into())),
        Toml::Array(list) => Kind::List(list.iter().map(|value| toml_value(value, lines)).collect()),
        Toml::InlineTable(inner) => return table(inner, at, lines),
    };
    Node { at, kind }
}
