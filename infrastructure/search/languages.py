"""Which language a file is written in, and what its grammar calls the things that have names."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final


def words(written: str) -> frozenset[str]:
    """Return a set of words that is read more easily as a line."""
    return frozenset(written.split())


MARKDOWN: Final = "markdown"
TEXT: Final = "text"
PROSE: Final = frozenset({MARKDOWN, TEXT, "rst"})
"""Written for people: searched by words' stems, and not by identifiers."""

_BY_NAME: Final = {
    "Dockerfile": "dockerfile",
    "Containerfile": "dockerfile",
    "Makefile": "make",
    "GNUmakefile": "make",
    "CMakeLists.txt": "cmake",
    "Rakefile": "ruby",
    "Gemfile": "ruby",
    "LICENSE": TEXT,
    "README": TEXT,
    "CHANGELOG": TEXT,
    "NOTICE": TEXT,
}

_BY_SUFFIX: Final = {
    suffix: language
    for language, suffixes in {
        "bash": "sh bash zsh",
        "c": "c h",
        "cmake": "cmake",
        "cpp": "cc cpp cxx hh hpp hxx",
        "csharp": "cs",
        "css": "css",
        "dockerfile": "dockerfile",
        "elixir": "ex exs",
        "go": "go",
        "graphql": "graphql gql",
        "hcl": "hcl tf",
        "html": "html htm jinja j2",
        "ini": "ini cfg conf",
        "java": "java",
        "javascript": "js jsx mjs cjs",
        "json": "json jsonc",
        "kotlin": "kt kts",
        "lua": "lua",
        MARKDOWN: "md markdown mdx",
        "php": "php",
        "proto": "proto",
        "python": "py pyi",
        "rst": "rst",
        "ruby": "rb rake",
        "rust": "rs",
        "scala": "scala sc",
        "scss": "scss",
        "sql": "sql",
        "svelte": "svelte",
        "swift": "swift",
        TEXT: "txt adoc",
        "toml": "toml",
        "tsx": "tsx",
        "typescript": "ts mts cts",
        "vue": "vue",
        "xml": "xml",
        "yaml": "yaml yml",
        "zig": "zig",
    }.items()
    for suffix in suffixes.split()
}

SYMBOLS: Final[dict[str, frozenset[str]]] = {
    language: words(types)
    for language, types in {
        "bash": "function_definition",
        "c": "function_definition struct_specifier enum_specifier union_specifier",
        "cpp": "function_definition class_specifier struct_specifier enum_specifier namespace_definition",
        "csharp": "namespace_declaration class_declaration struct_declaration interface_declaration "
        "enum_declaration record_declaration method_declaration constructor_declaration",
        "go": "function_declaration method_declaration type_spec",
        "java": "class_declaration interface_declaration enum_declaration record_declaration "
        "method_declaration constructor_declaration",
        "javascript": "function_declaration generator_function_declaration class_declaration method_definition",
        "kotlin": "class_declaration object_declaration function_declaration",
        "lua": "function_declaration",
        "php": "class_declaration interface_declaration trait_declaration enum_declaration "
        "function_definition method_declaration",
        "python": "function_definition class_definition",
        "ruby": "module class method singleton_method",
        "rust": "function_item impl_item mod_item struct_item enum_item trait_item macro_definition",
        "scala": "object_definition class_definition trait_definition function_definition",
        "sql": "create_table create_function create_view create_trigger create_type",
        "swift": "class_declaration protocol_declaration function_declaration",
        "tsx": "function_declaration class_declaration abstract_class_declaration method_definition "
        "interface_declaration type_alias_declaration enum_declaration internal_module",
        "typescript": "function_declaration class_declaration abstract_class_declaration method_definition "
        "interface_declaration type_alias_declaration enum_declaration internal_module",
    }.items()
}
"""The grammars' nodes that are symbols; https://github.com/tree-sitter has each grammar's `node-types.json`."""

HOLDERS: Final = words(
    "class_definition class_declaration abstract_class_declaration class_specifier struct_specifier class "
    "module impl_item mod_item trait_item trait_declaration interface_declaration namespace_definition "
    "namespace_declaration internal_module object_declaration object_definition trait_definition "
    "protocol_declaration enum_declaration struct_declaration record_declaration"
)
"""Symbols whose inside is looked through for symbols of their own."""

WRAPPERS: Final = frozenset({"decorated_definition", "export_statement", "template_declaration"})
"""What belongs to the symbol inside, such as its decorators."""

NAMED_VALUES: Final = frozenset({"variable_declarator"})
"""JavaScript's way to name a function: `const name = () => …`."""

FUNCTION_VALUES: Final = frozenset({"arrow_function", "function_expression", "function", "class"})


def language_of(path: str) -> str:
    """Return the language that a file's name promises, or nothing."""
    name = PurePosixPath(path).name
    return _BY_NAME.get(name) or _BY_SUFFIX.get(name.rpartition(".")[2].lower() if "." in name else "", "")
