//! `devplat render`: prints the manifests without a cluster.

mod placeholders;

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use devplat_image::{Access, replace_file};
use devplat_profile::DevServerImage;
use devplat_render::{ImageReferences, ReleaseName, TemplateInput, Templates, to_yaml};
use placeholders::Placeholders;

use super::flags::{LayerFlags, NameFlag, OutputFormat};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform::{stand_ins, user_keys::public_line},
    request::{Asked, Draft},
};

const EXAMPLES: &str = "\
Examples:
  devplat render --profile k3d --to manifests
  devplat render operator
  devplat render example | kubectl apply -f -

Values that only `devplat up` knows are placeholders: images without --images, and keys that are not
generated yet. Comments at the top of the YAML name them.";

/// Print the manifests, or write them to a folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Render {
    /// Only this; all releases if missing
    what: Option<RenderedPart>,
    #[command(flatten)]
    pub(super) name: NameFlag,
    #[command(flatten)]
    layers: LayerFlags,
    /// Folder with templates in place of devplat's own
    #[arg(long, env = "DEVPLAT_TEMPLATES", value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Write one file for each release to this folder
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// References of the images: operator, bastion, agent, dev server
    #[arg(long, value_name = "REFERENCE", num_args = 4)]
    images: Option<Vec<String>>,
    #[command(flatten)]
    pub(super) output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RenderedPart {
    /// The custom resource definitions
    Crds,
    /// The operator and its rights
    Operator,
    /// The bastion
    Bastion,
    /// The sizes of dev servers
    Flavors,
    /// The developers that the profile names
    Users,
    /// An example of a dev server
    Example,
}

pub(super) fn run(render: &Render, host: &Host) -> Result<(), Failure> {
    refuse_unused_images(render)?;
    let Render { what, name, layers, templates, to, images, output: _ } = render;
    let asked = Asked {
        name: name.get(),
        profile: layers.profile.clone(),
        set: layers.set.clone(),
        templates: templates.clone(),
        ..Asked::default()
    };
    let (platform, state) = (asked.platform(), asked.state(host)?);
    let Draft { profile, templates } = Draft::read(&asked, host)?;
    let (images, placeholders) = match images.as_deref() {
        Some([operator, bastion, agent, dev_server]) => {
            let given = ImageReferences {
                operator: operator.clone(),
                bastion: bastion.clone(),
                agent: agent.clone(),
                dev_server: dev_server.clone(),
            };
            (given, Placeholders::default())
        }
        _ => without_a_cluster(&profile.dev_servers.image),
    };
    let mut keys = std::collections::BTreeMap::new();
    for (user, _) in profile.users.iter().filter(|(_, user)| user.generate_key) {
        let key = public_line(&state, user.as_str(), platform.as_str())?;
        keys.insert(user.to_string(), key.unwrap_or_else(|| placeholders::KEY.to_owned()));
    }
    let input = TemplateInput { platform: &platform, profile: &profile, images: &images, made_keys: &keys };
    let releases: &[ReleaseName] = match what {
        Some(RenderedPart::Example) => return example(&templates, input, &placeholders, to.as_deref(), host),
        Some(RenderedPart::Crds) => &[ReleaseName::Crds],
        Some(RenderedPart::Operator) => &[ReleaseName::Operator],
        Some(RenderedPart::Bastion) => &[ReleaseName::Bastion],
        Some(RenderedPart::Flavors) => &[ReleaseName::Flavors],
        Some(RenderedPart::Users) => &[ReleaseName::Users],
        None => &ReleaseName::ALL,
    };
    let (mut all, mut files) = (Vec::new(), Vec::new());
    for release in releases {
        let objects = templates.release(*release, input)?;
        match to {
            None if host.ui.is_json() => all.extend(objects),
            None => host.ui.say(&placeholders.explain(&to_yaml(&objects))),
            Some(folder) => {
                let text = placeholders.explain(&to_yaml(&objects));
                files.push(write(folder, release.as_str(), &text, host)?);
            }
        }
    }
    match to {
        Some(_) => report(&files, host),
        None if host.ui.is_json() => {
            host.ui.document(&serde_json::json!({"apiVersion": "v1", "kind": "List", "items": all}));
        }
        None => {}
    }
    Ok(())
}

/// Returns the references of the images as far as the profile names them, with placeholders for the others.
fn without_a_cluster(dev_server: &DevServerImage) -> (ImageReferences, Placeholders) {
    let ImageReferences { operator, bastion, agent, dev_server: of_devplat } = stand_ins();
    let mut placeholders = vec![agent.clone(), bastion.clone(), operator.clone()];
    let dev_server = match dev_server {
        DevServerImage::Reference(reference) => reference.clone(),
        DevServerImage::Auto(_) | DevServerImage::Debian => {
            placeholders.push(of_devplat.clone());
            of_devplat
        }
    };
    (ImageReferences { operator, bastion, agent, dev_server }, Placeholders { images: placeholders })
}

/// Fails if images are given for manifests that have none. A template of the user's may have some.
fn refuse_unused_images(render: &Render) -> Result<(), Failure> {
    let Some(what) = render.what.filter(|_| render.images.is_some()) else { return Ok(()) };
    let uses = match what {
        RenderedPart::Operator | RenderedPart::Bastion => true,
        RenderedPart::Flavors | RenderedPart::Users | RenderedPart::Example => render.templates.is_some(),
        RenderedPart::Crds => false,
    };
    if uses {
        return Ok(());
    }
    let what = what.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    Err(Failure::new(Exit::Usage, format!("`devplat render {what}` does not use --images"))
        .hint("run `devplat render --help` for the arguments"))
}

/// Prints the example, or writes it to a folder. The YAML has comments.
fn example(
    templates: &Templates,
    input: TemplateInput<'_>,
    placeholders: &Placeholders,
    to: Option<&Path>,
    host: &Host,
) -> Result<(), Failure> {
    let text = || Ok::<_, Failure>(placeholders.explain(&templates.example(input)?));
    match to {
        Some(folder) => report(&[write(folder, "example", &text()?, host)?], host),
        None if host.ui.is_json() => host.ui.document(&templates.example_object(input)?),
        None => host.ui.say(&text()?),
    }
    Ok(())
}

/// Prints the written files for machines; people have read a remark for each of them.
fn report(files: &[PathBuf], host: &Host) {
    if host.ui.is_json() {
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        host.ui.document(&serde_json::json!({"is": "written", "files": files}));
    }
}

/// Writes one file, and returns its path.
fn write(folder: &Path, name: &str, text: &str, host: &Host) -> Result<PathBuf, Failure> {
    let folder = host.folder.join(folder);
    let path = folder.join(format!("{name}.yaml"));
    fs::create_dir_all(&folder).and_then(|()| replace(&path, text)).map_err(|error| {
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot write {}", path.display()))
            .hint("name a folder that you may write to")
    })?;
    host.ui.remark(&format!("wrote {}", path.display()));
    Ok(path)
}

/// Replaces a file, which keeps its owner and mode. A new file gets the usual ones.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let before = OpenOptions::new().create(true).append(true).open(path)?.metadata()?;
    replace_file(path, Access::Of(&before), text.as_bytes())
}
