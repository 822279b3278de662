//! A document as YAML for people: block style, text quoted only where YAML would take it for something else.

use std::fmt::Write as _;

use jackstaff::ruleset::{Kind, Node};

/// The document as YAML 1.2. Reading it back gives the same document.
pub fn to_yaml(node: &Node) -> String {
    let mut text = String::new();
    if is_block(node) {
        block(&mut text, node, 0)
    } else {
        text.push_str(&inline(node))
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// Maps and lists of maps go on lines of their own; lists of scalars stay on one line while they are short.
fn is_block(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(entries) => !entries.is_empty(),
        Kind::List(list) => list.iter().any(is_block) || inline(node).len() > 100,
        _ => false,
    }
}

fn block(text: &mut String, node: &Node, indent: usize) {
    match &node.kind {
        Kind::Map(entries) => {
            for (at, (key, value)) in entries.iter().enumerate() {
                // The first key of a map in a list stands behind its dash.
                let starts_line = at > 0 || text.is_empty() || text.ends_with('\n');
                push(text, if starts_line { indent } else { 0 }, &format!("{}:", scalar(&key.text)));
                value_after(text, value, indent + 2);
            }
        }
        Kind::List(list) => {
            for item in list.iter() {
                push(text, indent, "-");
                if matches!(item.kind, Kind::Map(_)) && is_block(item) {
                    text.push(' ');
                    block(text, item, indent + 2);
                } else {
                    value_after(text, item, indent + 2);
                }
            }
        }
        _ => {}
    }
}

fn value_after(text: &mut String, value: &Node, indent: usize) {
    if is_block(value) {
        text.push('\n');
        block(text, value, indent);
    } else {
        let _ = writeln!(text, " {}", inline(value)); // writing to a String cannot fail
    }
}

fn push(text: &mut String, indent: usize, what: &str) {
    let _ = write!(text, "{:indent$}{what}", ""); // as above
}

/// One line. JSON's own spelling is YAML too, so it serves for everything but plain text.
fn inline(node: &Node) -> String {
    match &node.kind {
        Kind::Text(text) => scalar(text),
        Kind::List(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        _ => serde_json::to_string(node).unwrap_or_default(),
    }
}

/// Text, plain where that is safe: words that begin with a letter and hold nothing that YAML reads. Quoted otherwise, and
/// also where YAML 1.1 readers see a boolean.
fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "_-. /".contains(char));
    let reads_otherwise = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if is_plain && !reads_otherwise { text.to_owned() } else { serde_json::to_string(text).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackstaff::ruleset::Syntax;

    #[test]
    fn yaml_reads_back_as_the_same_document() {
        let json = r#"{"environments":["development","production"],"segments":{},"flags":{"a":{"type":"boolean","description":"says: \"hé\"\n # no comment","enabled":true,
            "targets":{"on":["1","true","null","~","user one","0x1f","1e3","-","a: b","x #y","\u0085\u2028 z"]},
            "rules":[{"when":{"all":[{"attribute":"n","gt":-1.5e-7},{"attribute":"b","equals":null}]},"serve":"on"},{"name":"two","serve":"off","when":{"any":[]}}],
            "empty":{},"list":[[1,2],[{"k":[]}]],"long":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"]}}}"#;
        let node = Node::from_json(json).unwrap();
        let yaml = to_yaml(&node);
        let back = Node::parse(&yaml, Syntax::Yaml).unwrap_or_else(|problem| panic!("{problem}\n{yaml}"));
        assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&node).unwrap(), "{yaml}");
        assert!(yaml.contains("\n    - when:\n") || yaml.contains("- when:\n"), "{yaml}");
        assert_eq!(to_yaml(&Node::from_json("{}").unwrap()), "{}\n");
    }
}
