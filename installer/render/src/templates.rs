//! The shipped templates, some of them overridden.

use std::collections::BTreeMap;

use handlebars::{
    Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderError, RenderErrorReason,
    no_escape,
};
use include_dir::{Dir, include_dir};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::Value;

use crate::{
    Error, ReleaseName, TemplateInput,
    data::TemplateData,
    objects::{self, own},
};

static SHIPPED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../templates");

/// The operator's RBAC objects. They are kept beside the operator, whose tests compare them with what it calls.
const RBAC: &str = include_str!("../../../operator/rbac.yaml");

const ENDING: &str = ".yaml.hbs";

/// The template of an example dev server.
pub(crate) const EXAMPLE: &str = "example/devserver.yaml.hbs";

/// All templates, parsed.
pub struct Templates {
    registry: Handlebars<'static>,
}

impl Templates {
    /// Parses the shipped templates, replaced by `overrides` of the same name, such as
    /// `operator/deployment.yaml.hbs`.
    pub fn new(overrides: &BTreeMap<String, String>) -> Result<Self, Error> {
        let mut registry = Handlebars::new();
        registry.set_strict_mode(true);
        registry.register_escape_fn(no_escape);
        registry.register_helper("json", Box::new(json));
        let mut texts: BTreeMap<String, String> = shipped().collect();
        for (name, text) in overrides {
            match texts.get_mut(name) {
                Some(shipped) => shipped.clone_from(text),
                None => {
                    let nearest = nearest(name, texts.keys().map(String::as_str));
                    return Err(Error::UnknownTemplate { name: name.clone(), nearest });
                }
            }
        }
        texts.insert("operator-rbac".to_owned(), RBAC.to_owned());
        for (name, text) in texts {
            registry.register_template_string(&name, text).map_err(|error| Error::Syntax {
                template: name.clone(),
                line: error.pos().map_or(1, |(line, _)| line),
                what: error.reason().to_string(),
            })?;
        }
        Ok(Self { registry })
    }

    /// Returns the names of the shipped templates.
    pub fn names() -> Vec<String> {
        shipped().map(|(name, _)| name).collect()
    }

    /// Returns the names of the templates of a release.
    pub(crate) fn of(release: ReleaseName) -> impl Iterator<Item = String> {
        let folders = release.folders();
        Self::names().into_iter().filter(move |name| folders.iter().any(|folder| name.starts_with(folder)))
    }

    /// Returns the objects of a release with the platform's labels, in the order of applying.
    pub fn release(
        &self,
        release: ReleaseName,
        input: TemplateInput<'_>,
    ) -> Result<Vec<DynamicObject>, Error> {
        let mut all = match release {
            ReleaseName::Crds => devplat_api::crds().into_iter().map(objects::from_typed).collect(),
            ReleaseName::Operator | ReleaseName::Bastion | ReleaseName::Flavors | ReleaseName::Users => {
                Vec::new()
            }
        };
        for name in Self::of(release) {
            all.extend(objects::parse(&name, &self.render(&name, input)?)?);
        }
        for object in &mut all {
            own(object, input.platform);
        }
        all.sort_by_key(|object| (objects::rank(object), object.namespace(), object.name_any()));
        Ok(all)
    }

    /// Returns the manifest of an example dev server, as text with its comments.
    pub fn example(&self, input: TemplateInput<'_>) -> Result<String, Error> {
        self.render(EXAMPLE, input)
    }

    /// Returns the example dev server as an object.
    pub fn example_object(&self, input: TemplateInput<'_>) -> Result<DynamicObject, Error> {
        let mut objects = objects::parse(EXAMPLE, &self.example(input)?)?;
        match (objects.pop(), objects.is_empty()) {
            (Some(object), true) => Ok(object),
            _ => Err(Error::NoObject {
                template: EXAMPLE.to_owned(),
                what: "expected exactly one object".to_owned(),
            }),
        }
    }

    fn render(&self, name: &str, input: TemplateInput<'_>) -> Result<String, Error> {
        let data = serde_json::to_value(TemplateData::new(input)).expect("the data of templates is JSON");
        self.registry.render(name, &data).map_err(|error| explain(name, &error, &data))
    }
}

fn shipped() -> impl Iterator<Item = (String, String)> {
    fn walk<'a>(dir: &'a Dir<'a>, out: &mut Vec<(String, String)>) {
        for file in dir.files() {
            let name = file.path().display().to_string();
            if name.ends_with(ENDING) {
                out.push((name, file.contents_utf8().unwrap_or_default().to_owned()));
            }
        }
        for dir in dir.dirs() {
            walk(dir, out);
        }
    }
    let mut all = Vec::new();
    walk(&SHIPPED, &mut all);
    all.sort();
    all.into_iter()
}

/// Writes a value as JSON, which is also YAML, so that no text in it can become more than one value.
fn json(
    helper: &Helper<'_>,
    _: &Handlebars<'_>,
    _: &Context,
    _: &mut RenderContext<'_, '_>,
    out: &mut dyn Output,
) -> HelperResult {
    let param = helper.param(0).ok_or(RenderErrorReason::ParamNotFoundForIndex("json", 0))?;
    if param.is_value_missing() {
        return Err(RenderErrorReason::MissingVariable(param.relative_path().cloned()).into());
    }
    Ok(out.write(&param.value().to_string())?)
}

fn explain(name: &str, error: &RenderError, data: &Value) -> Error {
    let template = error.template_name.clone().unwrap_or_else(|| name.to_owned());
    let line = error.line_no.unwrap_or(1);
    let unknown = |name: &str, nearest| Error::Unknown {
        template: template.clone(),
        line,
        name: name.to_owned(),
        nearest,
    };
    match error.reason() {
        RenderErrorReason::MissingVariable(path) => {
            let path = path.clone().unwrap_or_default();
            let nearest = nearest(&path, paths(data, "").iter().map(String::as_str));
            unknown(&path, nearest)
        }
        RenderErrorReason::HelperNotFound(helper) => {
            unknown(helper, nearest(helper, ["json", "if", "each", "unless"]))
        }
        RenderErrorReason::PartialNotFound(partial) => unknown(partial, nearest(partial, ["operator-rbac"])),
        reason => Error::Render { template: template.clone(), line, what: reason.to_string() },
    }
}

fn paths(data: &Value, above: &str) -> Vec<String> {
    let Value::Object(map) = data else { return Vec::new() };
    map.iter()
        .flat_map(|(key, value)| {
            let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
            let below = paths(value, &path);
            std::iter::once(path).chain(below)
        })
        .collect()
}

fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<String> {
    words
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate.to_owned())
}
