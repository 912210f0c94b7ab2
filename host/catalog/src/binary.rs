//! The component's outermost layer: manifest sections, imports, exports. Nothing of what is nested is looked at, but all
//! of it is validated.

use manifest::SECTION;
use wasmparser::{ComponentExternalKind, Encoding, Parser, Payload, Validator};

use crate::CatalogError;

/// Imports, and exports, that are read at most.
const MAX_NAMES: usize = 1_000;
/// Modules and components inside of one another, at most. Validation and compilation take time by the square of it.
const MAX_DEPTH: usize = 100;

/// What the outermost layer holds.
#[derive(Debug, Default)]
pub(crate) struct Outline<'a> {
    pub manifests: Vec<&'a [u8]>,
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}

/// Reads the outermost layer and validates the whole.
pub(crate) fn outline(bytes: &[u8]) -> Result<Outline<'_>, CatalogError> {
    let mut found = Outline::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(malformed)?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(CatalogError::CoreModule);
            }
            // What is nested comes next, until its own end.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(CatalogError::TooDeep);
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            Payload::CustomSection(section) if section.name() == SECTION => {
                found.manifests.push(section.data())
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let name = import.map_err(malformed)?.name.full_name().into_owned();
                    push(&mut found.imports, name, "imports")?;
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    // A function or a type under an interface's name is no interface.
                    if export.kind == ComponentExternalKind::Instance {
                        push(&mut found.exports, export.name.full_name().into_owned(), "exports")?;
                    }
                }
            }
            _ => {}
        }
    }
    Validator::new().validate_all(bytes).map_err(malformed)?;
    Ok(found)
}

fn push(names: &mut Vec<String>, name: String, what: &'static str) -> Result<(), CatalogError> {
    if names.len() == MAX_NAMES {
        return Err(CatalogError::TooMany(what));
    }
    names.push(name);
    Ok(())
}

fn malformed(e: wasmparser::BinaryReaderError) -> CatalogError {
    let text: String = e.message().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    CatalogError::Malformed(format!("{} (at byte {})", model::cut(&text, 300), e.offset()))
}
