//! Joins the layers of a profile.

use std::path::Path;

use crate::{
    Loaded, Mistake, Mistakes, Place, ProfileFile, Sources, VariableMistakes, check,
    document::Document,
    mistake::{MistakeKind, ProfileProblem, SetProblem, Unreadable, ValueProblem},
    nearest::nearest,
    node::{Node, Value},
    one_value::OneValue,
    parse::parse,
    path::KeyPath,
    schema::whole,
    shape::Shape,
    shipped::{BASE, SHIPPED, Shipped},
    unset::Unsets,
    variables,
};

/// Paths of values that name a file.
const FILES: [&str; 2] = ["cluster.kind.configFile", "cluster.k3d.configFile"];

/// Joins the layers and checks the result, or returns every mistake in them.
pub fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
    let mistakes = match joined(sources) {
        Ok(loaded) => return Ok(loaded),
        Err(mistakes) => mistakes,
    };
    match sources.variable_mistakes {
        VariableMistakes::Refuse => Err(mistakes),
        VariableMistakes::Remark => without_variables(sources, mistakes),
    }
}

/// Loads the profile without the variables in which these mistakes are. Fails if one is in another place.
fn without_variables(sources: &Sources, mistakes: Mistakes) -> Result<Loaded, Mistakes> {
    let names: Vec<&str> = mistakes.0.iter().filter_map(|mistake| mistake.place.variable()).collect();
    let mut fewer = sources.clone();
    let count = |sources: &Sources| sources.variables.len() + sources.remembered_variables.len();
    for variables in [&mut fewer.variables, &mut fewer.remembered_variables] {
        variables.retain(|(name, _)| !names.contains(&name.as_str()));
    }
    if names.len() < mistakes.0.len() || count(&fewer) == count(sources) {
        return Err(mistakes);
    }
    let mut loaded = load(&fewer)?;
    loaded.remarks.splice(0..0, mistakes.0.iter().map(|mistake| format!("ignored {mistake}")));
    Ok(loaded)
}

fn joined(sources: &Sources) -> Result<Loaded, Mistakes> {
    let mut layers = Layers::new(sources);
    let (base, usable) = layers.below_overrides();
    let mut unsets = Unsets::parse(&sources.unsets, &mut layers.mistakes);
    let variables = layers.variables(&mut unsets);
    let sets = layers.sets(&mut unsets);
    layers.remarks.extend(unsets.remarks());
    if !usable {
        // Do not report missing values: they may be in the unreadable file or in the profile that does not exist.
        return Err(layers.into_mistakes());
    }
    layers.finish(base, sets, variables)
}

struct Layers<'a> {
    sources: &'a Sources,
    shape: Shape,
    merged: Node,
    mistakes: Vec<Mistake>,
    remarks: Vec<String>,
}

impl<'a> Layers<'a> {
    fn new(sources: &'a Sources) -> Self {
        let shape = Shape::of(&whole()).expect("a test checks that the whole schema is interpreted");
        let merged = Node::map(home(sources));
        Self { sources, shape, merged, mistakes: Vec::new(), remarks: Vec::new() }
    }

    /// Joins the base, the shipped profile and the user's file. Returns the shipped profile, and whether each of them
    /// could be read.
    fn below_overrides(&mut self) -> (Shipped, bool) {
        let mut usable = true;
        let own = self.sources.file.as_ref().map(|file| self.read_file(file));
        let (extends, own) = match own {
            None => (None, None),
            Some(Ok((extends, own))) => (extends, Some(own)),
            Some(Err(mistake)) => {
                self.mistakes.push(*mistake);
                usable = false;
                (None, None)
            }
        };
        let shipped = match (extends, &self.sources.shipped) {
            (Some(extends), _) => self.extended(&extends),
            (None, Some(name)) => self.named(name),
            (None, None) => Some(BASE),
        };
        usable &= shipped.is_some();
        let shipped = shipped.unwrap_or(BASE);
        for layer in [Some(BASE), Some(shipped).filter(|shipped| *shipped != BASE)].into_iter().flatten() {
            let layer = self.read_shipped(layer);
            self.merged.lay(layer);
        }
        if let Some(own) = own {
            self.merged.lay(own);
        }
        (shipped, usable)
    }

    fn read_shipped(&mut self, shipped: Shipped) -> Node {
        let place_of = |line, column| Place::Shipped { profile: shipped.name, line, column };
        let node = parse(shipped.text, &place_of, &mut self.mistakes).ok().flatten();
        let mut node = node.expect("tests read every shipped profile");
        self.shape.sift(&mut node, &mut self.mistakes);
        node
    }

    /// Reads the user's file and returns its `extends` and the rest.
    fn read_file(&mut self, file: &ProfileFile) -> Result<(Option<Node>, Node), Box<Mistake>> {
        let ProfileFile { name, folder, text } = file;
        let place_of = |line, column| Place::File { name: name.clone(), line, column };
        let node = parse(text, &place_of, &mut self.mistakes)?;
        let mut node = node.unwrap_or_else(|| Node::map(place_of(1, 1)));
        let Value::Map(_) = node.value else {
            return Err(Box::new(Mistake::new(&node.place, Unreadable::NotAMap)));
        };
        let extends = node.take("extends");
        self.shape.sift(&mut node, &mut self.mistakes);
        resolve_files(&mut node, folder.as_deref().unwrap_or(&self.sources.base_folder));
        Ok((extends, node))
    }

    /// Returns the profile that a file extends.
    fn extended(&mut self, extends: &Node) -> Option<Shipped> {
        let Value::Scalar { text, plain: _ } = &extends.value else {
            let problem = ValueProblem::Expected("the name of a shipped profile".to_owned());
            let path = KeyPath::known("extends");
            self.mistakes.push(Mistake::new(&extends.place, MistakeKind::Value { path, problem }));
            return None;
        };
        self.find(text, &extends.place, ProfileProblem::Extends(text.clone()))
    }

    /// Returns the profile that the command line names.
    fn named(&mut self, name: &str) -> Option<Shipped> {
        let same_named_file = self.sources.same_named_file;
        let problem = if same_named_file {
            ProfileProblem::IsAFile(name.to_owned())
        } else {
            ProfileProblem::Unknown(name.to_owned())
        };
        let found = self.find(name, &Place::Argument(format!("--profile {name}")), problem);
        if found.is_some() && same_named_file {
            self.remarks.push(format!(
                "--profile {name} is the shipped profile; the file of that name here is --profile ./{name}"
            ));
        }
        found
    }

    fn find(&mut self, name: &str, place: &Place, problem: ProfileProblem) -> Option<Shipped> {
        let found = SHIPPED.iter().chain([&BASE]).find(|shipped| shipped.name == name).copied();
        if found.is_none() {
            let nearest = match problem {
                ProfileProblem::IsAFile(_) => None,
                ProfileProblem::Unknown(_) | ProfileProblem::Extends(_) => {
                    nearest(name, SHIPPED.iter().map(|shipped| shipped.name))
                }
            };
            let nearest = nearest.into_iter().collect();
            self.mistakes.push(Mistake { place: place.clone(), kind: problem.into(), nearest });
        }
        found
    }

    /// Lays every variable on top and returns those that have a value, in the form in which `up` remembers them.
    fn variables(&mut self, unsets: &mut Unsets) -> Vec<(String, String)> {
        let set = &self.sources.variables;
        let is_set = |name: &String| set.iter().any(|(other, _)| other == name);
        let remembered = self.sources.remembered_variables.iter().filter(|(name, _)| !is_set(name));
        let remembered = remembered.map(|(name, text)| (name, text, true));
        let mut variables: Vec<_> =
            set.iter().map(|(name, text)| (name, text, false)).chain(remembered).collect();
        // A variable for a map comes before those for its keys.
        variables.sort();
        let mut links = variables::Links::default();
        let mut lasting = Vec::new();
        for (name, text, remembered) in variables {
            let place = if remembered {
                Place::RememberedVariable(name.clone())
            } else {
                Place::Variable(name.clone())
            };
            if remembered && unsets.has_variable(name) {
                continue;
            }
            let mistakes = match variables::meaning(name, text, &self.shape.paths(&self.merged)) {
                variables::Meaning::Other => continue,
                variables::Meaning::Path(path) if remembered && unsets.has(&path) => continue,
                variables::Meaning::Link(link) => {
                    links.add(link, name);
                    continue;
                }
                variables::Meaning::Path(path) => match self.lay(&path, text, &place) {
                    Ok(changed) => {
                        if remembered {
                            self.remarks.push(format!(
                                "${name} is not set now: using {text:?} of the last `up`; set it again to change it, or --unset {path} to forget it"
                            ));
                        }
                        unsets.keep_variable(name, path);
                        let value = changed.map(|value| value.to_json().to_string());
                        lasting.push((name.clone(), value.unwrap_or_else(|| text.clone())));
                        None
                    }
                    Err(mistakes) => Some(mistakes),
                },
                variables::Meaning::Mistake(mistake) => Some(vec![Mistake { place, ..mistake }]),
            };
            let mistakes = mistakes.into_iter().flatten();
            match self.sources.variable_mistakes {
                VariableMistakes::Refuse => self.mistakes.extend(mistakes),
                VariableMistakes::Remark => {
                    self.remarks.extend(mistakes.map(|mistake| format!("ignored {mistake}")));
                }
            }
        }
        self.remarks.extend(links.remarks());
        lasting
    }

    /// Lays every `--set` on top and returns them in the form in which `up` remembers them.
    fn sets(&mut self, unsets: &mut Unsets) -> Vec<String> {
        let remembered = self.sources.remembered_sets.iter();
        let remembered = remembered.map(|set| (set, Place::RememberedSet(set.clone())));
        let sets = self.sources.sets.iter().map(|set| (set, Place::Argument(format!("--set {set}"))));
        let (mut lasting, mut kept) = (Vec::new(), Vec::new());
        for (set, place) in remembered.chain(sets) {
            if place.is_remembered() && unsets.has_set(set) {
                continue;
            }
            match self.set(set, &place) {
                Ok(set) => {
                    unsets.keep_set(&set);
                    kept.extend(place.is_remembered().then(|| format!("--set {set}")));
                    lasting.push(set);
                }
                Err(mistakes) => self.mistakes.extend(mistakes),
            }
        }
        if !kept.is_empty() {
            let kept = kept.join(", ");
            self.remarks.push(format!("using {kept} of an earlier `up`; --unset KEY forgets one"));
        }
        lasting
    }

    fn set(&mut self, set: &str, place: &Place) -> Result<String, Vec<Mistake>> {
        let wrong = |problem: SetProblem| vec![Mistake::new(place, problem)];
        let (path, text) = KeyPath::split(set).ok_or_else(|| wrong(SetProblem::NoValue))?;
        let path: KeyPath = path.parse().map_err(|error| wrong(SetProblem::Path(error)))?;
        if path.starts_with(&KeyPath::known("extends")) {
            return Err(wrong(SetProblem::Extends));
        }
        let changed = self.lay(&path, text, place)?;
        Ok(changed.map_or_else(|| set.to_owned(), |value| format!("{path}={}", value.to_json())))
    }

    /// Lays one value on top. Returns it if a file name in it was made absolute.
    fn lay(&mut self, path: &KeyPath, text: &str, place: &Place) -> Result<Option<Node>, Vec<Mistake>> {
        let mut layer = OneValue { shape: &self.shape, merged: &self.merged, path, place }.layer(text)?;
        let mut mistakes = Vec::new();
        self.shape.sift(&mut layer, &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let changed = resolve_files(&mut layer, &self.sources.base_folder);
        let value = if changed { layer.at(path).cloned() } else { None };
        self.merged.lay(layer);
        Ok(value)
    }

    fn finish(
        mut self,
        base: Shipped,
        sets: Vec<String>,
        variables: Vec<(String, String)>,
    ) -> Result<Loaded, Mistakes> {
        drop(self.merged.take("description"));
        let written = self.merged.clone();
        self.merged.drop_nulls();
        self.shape.require(&mut self.merged, &mut self.mistakes);
        // Wrong values are already reported and removed, so the remaining ones are checked in the same run.
        match serde_json::from_value::<Document>(self.merged.to_json()) {
            Ok(document) => match check::profile(document, &written, &self.mistakes) {
                Ok(profile) if self.mistakes.is_empty() => {
                    let Self { sources: _, shape: _, mut merged, mistakes: _, remarks } = self;
                    let mut written = written;
                    for provider in profile.cluster.provider().others() {
                        // Left over from a shipped profile. In a file of the user's it would be a mistake.
                        written.take_below("cluster", &provider.to_string());
                        merged.take_below("cluster", &provider.to_string());
                    }
                    let base = base.name;
                    return Ok(Loaded { profile, base, remarks, sets, variables, written, merged });
                }
                Ok(_) => {}
                Err(found) => self.mistakes.extend(found),
            },
            Err(error) if self.mistakes.is_empty() => {
                let kind = MistakeKind::Rule(error.to_string());
                self.mistakes.push(Mistake::new(&home(self.sources), kind));
            }
            Err(_) => {}
        }
        Err(self.into_mistakes())
    }

    /// Returns the mistakes, layer by layer and from the top of a file to its end. A mistake in a shipped profile gets
    /// the place where the user chose that profile.
    fn into_mistakes(self) -> Mistakes {
        let home = home(self.sources);
        let mut mistakes = self.mistakes;
        for mistake in mistakes.iter_mut().filter(|mistake| mistake.place.is_shipped()) {
            mistake.place = home.clone();
        }
        mistakes.sort_by_key(|mistake| mistake.place.order());
        Mistakes(mistakes)
    }
}

/// Returns the place for a mistake without a place, or with a place in a shipped profile.
fn home(sources: &Sources) -> Place {
    match (&sources.file, &sources.shipped) {
        (Some(file), _) => Place::File { name: file.name.clone(), line: 1, column: 1 },
        (None, Some(name)) => Place::Argument(format!("--profile {name}")),
        (None, None) => Place::Argument("--profile".to_owned()),
    }
}

/// Makes the file names in a layer absolute, or at least relative to where `folder` is. Returns whether any changed.
fn resolve_files(layer: &mut Node, folder: &Path) -> bool {
    let mut changed = false;
    for path in FILES {
        let node = layer.at_mut(&KeyPath::known(path));
        // An empty name stays empty, so that it is a mistake and not the folder.
        if let Some(Node { value: Value::Scalar { text, plain: _ }, place: _ }) = node
            && !text.is_empty()
        {
            let resolved = folder.join(&*text).display().to_string();
            changed |= *text != resolved;
            *text = resolved;
        }
    }
    changed
}
