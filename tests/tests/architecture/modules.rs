//! The tree of modules of a crate, with the names that each defines and the paths that each uses. Unit tests are left
//! out: they may import anything.

use std::collections::{BTreeMap, BTreeSet};

use syn::{Attribute, File, Item, ItemMod, Meta, Visibility, visit::Visit};

use crate::paths::{Paths, Used, flatten};

/// A folder of a member that holds trees of modules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// `src`: the library and the programs.
    Sources,
    /// `tests`: a program for each file in it, and for each folder in it with a `main.rs`.
    Tests,
}

/// One tree: of a library or of a program.
pub(crate) struct Crate {
    pub(crate) modules: Vec<Module>,
}

/// A module. The first one of a crate is its root.
#[derive(Default)]
pub(crate) struct Module {
    /// `crate::a::b`.
    pub(crate) path: String,
    /// The file that holds it, in the workspace.
    pub(crate) file: String,
    pub(crate) parent: Option<usize>,
    pub(crate) children: BTreeMap<String, usize>,
    /// Names of its own functions, types, constants and macros.
    pub(crate) items: BTreeSet<String>,
    /// Names that `use` brings in, and the path of each.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
    /// The paths that end in `::*`.
    pub(crate) globs: Vec<Vec<String>>,
    /// Paths in private `use` items and in code.
    pub(crate) used: Vec<Used>,
    /// Paths in `pub use` items.
    pub(crate) exported: Vec<Used>,
}

impl Part {
    /// The name of the folder.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Sources => "src",
            Self::Tests => "tests",
        }
    }

    /// The files that trees of modules begin in, as Cargo finds them.
    pub(crate) fn starts(self, files: &BTreeMap<String, String>) -> impl Iterator<Item = &str> {
        let (always, programs): (&[&str], _) = match self {
            Self::Sources => (&["lib.rs", "main.rs"], "bin/"),
            Self::Tests => (&[], ""),
        };
        let begins_program = move |file: &&str| {
            let below = file.strip_prefix(programs).map(|rest| rest.split_once('/'));
            matches!(below, Some(None | Some((_, "main.rs"))))
        };
        always.iter().copied().chain(files.keys().map(String::as_str).filter(begins_program))
    }
}

/// The state of parsing one crate.
struct Parser<'a> {
    member: &'a str,
    part: Part,
    files: &'a BTreeMap<String, String>,
    modules: Vec<Module>,
    /// Files that a module was made of, or that belong to tests.
    reached: BTreeSet<String>,
}

impl Crate {
    /// Parses the tree that begins in the file `start` of `files`, which are those of a folder of `member`. In `src`, files
    /// that only a macro declares belong to the library, or to `main.rs` where there is none.
    /// `None` if there is no such file.
    pub(crate) fn parse(
        member: &str,
        part: Part,
        start: &str,
        files: &BTreeMap<String, String>,
    ) -> Option<Self> {
        files.get(start)?;
        let mut parser = Parser { member, part, files, modules: Vec::new(), reached: BTreeSet::new() };
        parser.reached.extend(["lib.rs".to_owned(), "main.rs".to_owned()]);
        parser.file(start, "crate", None, &with_slash(beside(start)));
        let library = start == "lib.rs" || (start == "main.rs" && !files.contains_key("lib.rs"));
        if part == Part::Sources && library {
            parser.modules_of_macros();
        }
        Some(Self { modules: parser.modules })
    }
}

impl Parser<'_> {
    /// Adds the module in `file`. `folder` is where files of its children are, with a slash at its end.
    fn file(&mut self, file: &str, path: &str, parent: Option<usize>, folder: &str) -> usize {
        self.reached.insert(file.to_owned());
        let text = self.files.get(file).map_or("", String::as_str);
        let parsed: File = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.module(&parsed.items, file, path, parent, folder)
    }

    fn module(
        &mut self,
        items: &[Item],
        file: &str,
        path: &str,
        parent: Option<usize>,
        folder: &str,
    ) -> usize {
        let index = self.modules.len();
        let (path, place) = (path.to_owned(), format!("{}/{}/{file}", self.member, self.part.folder()));
        self.modules.push(Module { path, file: place, parent, ..Module::default() });
        for item in items {
            match item {
                // A program of tests has nothing else.
                _ if self.part == Part::Sources && of_tests(attributes(item)) => {
                    self.leave_out(item, file, folder);
                }
                Item::Mod(child) => self.child(index, child, file, folder),
                _ => self.item(index, item),
            }
        }
        index
    }

    fn child(&mut self, parent: usize, child: &ItemMod, file: &str, folder: &str) {
        let name = child.ident.to_string();
        let path = format!("{}::{name}", self.modules[parent].path);
        let below = format!("{folder}{name}/");
        let index = if let Some((_, items)) = &child.content {
            Some(self.module(items, file, &path, Some(parent), &below))
        } else {
            self.file_of(child, file, folder).map(|of| {
                // As for `mod.rs`, the files of its children are beside a file that an attribute names.
                let named = child.attrs.iter().any(|attribute| path_attribute(attribute).is_some());
                let below = if named { with_slash(beside(&of)) } else { below };
                self.file(&of, &path, Some(parent), &below)
            })
        };
        self.modules[parent].children.extend(index.map(|index| (name, index)));
    }

    /// The file of `mod name;`.
    fn file_of(&self, child: &ItemMod, file: &str, folder: &str) -> Option<String> {
        let name = child.ident.to_string();
        let named = child.attrs.iter().find_map(path_attribute);
        let named = named.map(|path| format!("{}{path}", with_slash(beside(file))));
        let usual = [format!("{folder}{name}.rs"), format!("{folder}{name}/mod.rs")];
        named.into_iter().chain(usual).find(|candidate| self.files.contains_key(candidate))
    }

    /// Marks the files of a module of tests as reached.
    fn leave_out(&mut self, item: &Item, file: &str, folder: &str) {
        let Item::Mod(child) = item else { return };
        let below = format!("{folder}{}/", child.ident);
        self.reached.extend(self.file_of(child, file, folder));
        self.reached.extend(self.files.keys().filter(|name| name.starts_with(&below)).cloned());
    }

    fn item(&mut self, index: usize, item: &Item) {
        let module = &mut self.modules[index];
        if let Item::Use(import) = item {
            let exported = !matches!(import.vis, Visibility::Inherited);
            let mut leaves = Vec::new();
            flatten(&import.tree, &mut Vec::new(), &mut leaves);
            for (name, used) in leaves {
                match name {
                    Some(name) => drop(module.imports.insert(name, used.path.clone())),
                    None => module.globs.push(used.path.clone()),
                }
                if exported { module.exported.push(used) } else { module.used.push(used) }
            }
            return;
        }
        module.items.extend(name_of(item));
        let mut paths = Paths::default();
        paths.visit_item(item);
        // `use` inside of a function counts as one of the module.
        for (name, used) in paths.local {
            match name {
                Some(name) => drop(module.imports.entry(name).or_insert_with(|| used.path.clone())),
                None => module.globs.push(used.path.clone()),
            }
            module.used.push(used);
        }
        module.used.extend(paths.used);
    }

    /// Adds files that no `mod` item names, since a macro declares them, by their place.
    fn modules_of_macros(&mut self) {
        let files: Vec<String> = self.files.keys().cloned().collect();
        for file in files.iter().filter(|file| !file.starts_with("bin/")) {
            if self.reached.contains(file) {
                continue;
            }
            let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
            let (parent, name) = stem.rsplit_once('/').unwrap_or(("", stem));
            let parent = ["crate"].into_iter().chain(parent.split('/').filter(|part| !part.is_empty()));
            let parent = parent.collect::<Vec<_>>().join("::");
            let Some(parent) = self.modules.iter().position(|module| module.path == parent) else { continue };
            let path = format!("{}::{name}", self.modules[parent].path);
            let index = self.file(file, &path, Some(parent), &format!("{stem}/"));
            self.modules[parent].children.insert(name.to_owned(), index);
        }
    }
}

/// The folder of a file.
fn beside(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn with_slash(folder: &str) -> String {
    if folder.is_empty() { String::new() } else { format!("{folder}/") }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether `#[cfg(test)]` or `#[test]` is among them.
fn of_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
    })
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(literal) = &pair.value else { return None };
    let syn::Lit::Str(text) = &literal.lit else { return None };
    pair.path.is_ident("path").then(|| text.value())
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        _ => return None,
    };
    Some(ident.to_string())
}
