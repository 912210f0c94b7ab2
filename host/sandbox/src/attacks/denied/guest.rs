//! One component that can call every function there is: made from the WIT of the very crates that are linked, so that a
//! newer wasmtime brings its new functions along.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, FunctionKind, Handle, Resolve, Type, TypeDefKind, TypeId, WorldItem, WorldKey};

/// A function that a component may try to import.
pub(super) struct Import {
    /// `wasi:io/streams@0.2.12`
    pub instance: String,
    /// `wasi:io/streams`, as the table writes it.
    pub interface: String,
    /// `[method]input-stream.read`
    pub name: String,
    /// The resources that its arguments need, by name.
    pub needs: Vec<String>,
    function: Function,
}

/// Where the crates' sources lie on this machine: the test's own build fetched them.
fn sources(names: &[&str]) -> Vec<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run = |args: &[&str]| {
        let output =
            Command::new(&cargo).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // Other machines' crates need not be there.
    let version = run(&["-vV"]);
    let host = version.lines().find_map(|l| l.strip_prefix("host: ")).expect("cargo names its host");
    let found =
        run(&["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let packages = found["packages"].as_array().unwrap();
    let folder = |name: &&str| {
        let package = packages.iter().find(|p| p["name"] == **name).expect("a dependency of this crate");
        Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_path_buf()
    };
    names.iter().map(folder).collect()
}

fn resolve(folders: &[&Path]) -> Resolve {
    let mut resolve = Resolve { all_features: true, ..Resolve::default() };
    for folder in folders {
        resolve.push_dir(folder).unwrap();
    }
    resolve
}

/// Everything that the contract and WASI declare, linked or not.
pub(super) fn declared() -> (Resolve, Vec<Import>) {
    let folders = sources(&["wasmtime-wasi", "wasmtime-wasi-http"]);
    let (wasi, http) = (folders[0].join("src/p2/wit"), folders[1].join("wit"));
    let whole = resolve(&[&http, Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))]);
    let imports = imports(&whole);
    // wasi:http comes with a copy of the rest; that copy hides nothing.
    for one in self::imports(&resolve(&[&wasi])) {
        assert!(imports.iter().any(|i| i.instance == one.instance && i.name == one.name), "{}", one.name);
    }
    (whole, imports)
}

fn imports(resolve: &Resolve) -> Vec<Import> {
    let mut found = Vec::new();
    for (of, interface) in &resolve.interfaces {
        let Some(instance) = resolve.id_of(of) else { continue };
        for function in interface.functions.values() {
            let mut needs = Vec::new();
            for param in &function.params {
                handles(resolve, &param.ty, &mut |_, resource| {
                    needs.push(resolve.types[resource].name.clone().unwrap());
                });
            }
            found.push(Import {
                interface: instance.split('@').next().unwrap().to_owned(),
                instance: instance.clone(),
                name: function.name.clone(),
                needs,
                function: function.clone(),
            });
        }
    }
    found
}

/// The handles that the least value of a type has: none for an option.
fn handles(resolve: &Resolve, ty: &Type, found: &mut dyn FnMut(bool, TypeId)) {
    let Type::Id(id) = ty else { return };
    match &resolve.types[*id].kind {
        TypeDefKind::Handle(Handle::Own(r)) => found(false, resource(resolve, *r)),
        TypeDefKind::Handle(Handle::Borrow(r)) => found(true, resource(resolve, *r)),
        TypeDefKind::Type(t) | TypeDefKind::List(t) => handles(resolve, t, found),
        TypeDefKind::Tuple(t) => t.types.iter().for_each(|t| handles(resolve, t, found)),
        TypeDefKind::Record(r) => r.fields.iter().for_each(|f| handles(resolve, &f.ty, found)),
        TypeDefKind::Result(r) => r.ok.iter().for_each(|t| handles(resolve, t, found)),
        TypeDefKind::Variant(v) => {
            v.cases.first().and_then(|c| c.ty).iter().for_each(|t| handles(resolve, t, found));
        }
        _ => {}
    }
}

/// The resource behind `use`.
fn resource(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(Type::Id(to)) = resolve.types[id].kind {
        id = to;
    }
    id
}

/// A component that imports all of `imports` and passes each on as an export of its own, `f0`, `f1`, ….
pub(super) fn component(mut resolve: Resolve, imports: &[&Import]) -> Vec<u8> {
    let mut named = BTreeMap::new();
    for import in imports {
        for ty in import.function.parameter_and_result_types() {
            names(&resolve, &ty, &mut named);
        }
    }
    let mut text = "package attack:everything; world everything {".to_owned();
    let instances: BTreeSet<&String> = imports.iter().map(|i| &i.instance).collect();
    for instance in instances {
        writeln!(text, "import {instance};").unwrap();
    }
    // What an export of the world speaks of, the world has to name.
    for (id, name) in &named {
        let ty = &resolve.types[*id];
        let wit_parser::TypeOwner::Interface(owner) = ty.owner else { unreachable!("all are of interfaces") };
        writeln!(text, "use {}.{{%{} as {name}}};", resolve.id_of(owner).unwrap(), ty.name.as_ref().unwrap())
            .unwrap();
    }
    let package = resolve.push_str("everything.wit", &format!("{text} }}")).unwrap();
    let world = resolve.packages[package].worlds["everything"];
    let mut used = BTreeMap::new();
    for (id, name) in named {
        let WorldItem::Type { id: here, .. } = resolve.worlds[world].imports[&WorldKey::Name(name)] else {
            unreachable!("it was used above")
        };
        used.insert(id, here);
    }
    let mut module = Text::default();
    for (at, import) in imports.iter().enumerate() {
        module.passes_on(&resolve, at, import);
        let mut export = import.function.clone();
        export.name = format!("f{at}");
        export.kind = FunctionKind::Freestanding;
        for param in &mut export.params {
            param.ty = here(&mut resolve, &used, param.ty);
        }
        export.result = export.result.map(|ty| here(&mut resolve, &used, ty));
        let key = WorldKey::Name(export.name.clone());
        resolve.worlds[world].exports.insert(key, WorldItem::Function(export));
    }
    let mut bytes = wat::parse_str(module.whole()).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&bytes).unwrap().encode().unwrap()
}

/// The named types in a type, with a name of their own for each.
fn names(resolve: &Resolve, ty: &Type, found: &mut BTreeMap<TypeId, String>) {
    let Type::Id(id) = ty else { return };
    if resolve.types[*id].name.is_some() {
        let next = format!("t{}", found.len());
        found.entry(*id).or_insert(next);
        return;
    }
    match &resolve.types[*id].kind {
        TypeDefKind::Handle(Handle::Own(r) | Handle::Borrow(r)) => names(resolve, &Type::Id(*r), found),
        TypeDefKind::Option(t) | TypeDefKind::List(t) => names(resolve, t, found),
        TypeDefKind::Tuple(t) => t.types.iter().for_each(|t| names(resolve, t, found)),
        TypeDefKind::Result(r) => r.ok.iter().chain(&r.err).for_each(|t| names(resolve, t, found)),
        other => panic!("{} is new in the contract: teach this test about it", other.as_str()),
    }
}

/// The same type, by the world's own names.
fn here(resolve: &mut Resolve, used: &BTreeMap<TypeId, TypeId>, ty: Type) -> Type {
    let Type::Id(id) = ty else { return ty };
    if let Some(used) = used.get(&id) {
        return Type::Id(*used);
    }
    let mut copy = resolve.types[id].clone();
    match &mut copy.kind {
        TypeDefKind::Handle(Handle::Own(r) | Handle::Borrow(r)) => *r = used[r],
        TypeDefKind::Option(t) | TypeDefKind::List(t) => *t = here(resolve, used, *t),
        TypeDefKind::Tuple(t) => t.types.iter_mut().for_each(|t| *t = here(resolve, used, *t)),
        TypeDefKind::Result(r) => {
            r.ok.iter_mut().chain(&mut r.err).for_each(|t| *t = here(resolve, used, *t));
        }
        _ => unreachable!("`names` came by here"),
    }
    Type::Id(resolve.types.alloc(copy))
}

/// The core module, in text.
#[derive(Default)]
struct Text {
    imports: String,
    functions: String,
    drops: Vec<String>,
}

/// Where results lie.
const RESULT: u32 = 1024;

impl Text {
    fn passes_on(&mut self, resolve: &Resolve, at: usize, import: &Import) {
        let inner = resolve.wasm_signature(AbiVariant::GuestImport, &import.function);
        let outer = resolve.wasm_signature(AbiVariant::GuestExport, &import.function);
        writeln!(
            self.imports,
            "(import \"{}\" \"{}\" (func $i{at} {} {}))",
            import.instance,
            import.name,
            list("param", &inner.params),
            list("result", &inner.results)
        )
        .unwrap();
        let (params, results) = (list("param", &outer.params), list("result", &outer.results));
        write!(self.functions, "(func (export \"f{at}\") {params} {results} (local $r {}) ", {
            outer.results.first().map_or("i32", |t| text(*t))
        })
        .unwrap();
        for n in 0..outer.params.len() {
            write!(self.functions, "(local.get {n}) ").unwrap();
        }
        if inner.retptr {
            write!(self.functions, "(i32.const {RESULT}) (call $i{at}) (local.set $r (i32.const {RESULT})) ")
        } else if inner.results.is_empty() {
            write!(self.functions, "(call $i{at}) ")
        } else {
            write!(self.functions, "(call $i{at}) (local.set $r) ")
        }
        .unwrap();
        self.gives_back(resolve, &import.function);
        self.functions.push_str(if outer.results.is_empty() { ")\n" } else { "(local.get $r))\n" });
    }

    /// What was lent must be dropped before the end.
    fn gives_back(&mut self, resolve: &Resolve, function: &Function) {
        for (n, param) in function.params.iter().enumerate() {
            let mut lent = None;
            handles(resolve, &param.ty, &mut |borrow, r| lent = borrow.then_some(r));
            let Some(lent) = lent else { continue };
            let drop = self.drop_of(resolve, lent);
            // The place among the flat parameters is how many those before it take.
            let before = Function { params: function.params[..n].to_vec(), ..function.clone() };
            let place = resolve.wasm_signature(AbiVariant::GuestExport, &before).params.len();
            let Type::Id(id) = param.ty else { unreachable!("a handle is not primitive") };
            match &resolve.types[id].kind {
                TypeDefKind::Handle(_) => write!(self.functions, "(call ${drop} (local.get {place})) "),
                TypeDefKind::List(_) => write!(
                    self.functions,
                    "(block $done (loop $next (br_if $done (i32.eqz (local.get {len}))) \
                     (call ${drop} (i32.load (local.get {place}))) \
                     (local.set {place} (i32.add (local.get {place}) (i32.const 4))) \
                     (local.set {len} (i32.sub (local.get {len}) (i32.const 1))) (br $next))) ",
                    len = place + 1
                ),
                other => panic!("a borrow inside of {}: teach this test to drop it", other.as_str()),
            }
            .unwrap();
        }
    }

    fn drop_of(&mut self, resolve: &Resolve, of: TypeId) -> String {
        let ty = &resolve.types[of];
        let wit_parser::TypeOwner::Interface(owner) = ty.owner else { unreachable!("all are of interfaces") };
        let (instance, resource) = (resolve.id_of(owner).unwrap(), ty.name.as_deref().unwrap());
        let name = format!("drop-{}-{resource}", owner.index());
        if !self.drops.contains(&name) {
            writeln!(
                self.imports,
                "(import \"{instance}\" \"[resource-drop]{resource}\" (func ${name} (param i32)))"
            )
            .unwrap();
            self.drops.push(name.clone());
        }
        name
    }

    fn whole(&self) -> String {
        format!(
            r#"(module {}
            (memory (export "memory") 16) (global $at (mut i32) (i32.const 65536))
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $r i32)
              (local.set $r (i32.and (i32.add (global.get $at) (i32.const 15)) (i32.const -16)))
              (global.set $at (i32.add (local.get $r) (local.get 3)))
              (local.get $r))
            {})"#,
            self.imports, self.functions
        )
    }
}

fn text(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        _ => "i32",
    }
}

fn list(what: &str, types: &[WasmType]) -> String {
    if types.is_empty() {
        return String::new();
    }
    let types: Vec<_> = types.iter().map(|t| text(*t)).collect();
    format!("({what} {})", types.join(" "))
}
