//! The interpreters that are known, and their options.

use super::{
    Interpreter, Syntax,
    grammar::{Dash, Grammar, NONE, Names, Operand},
};

const fn options(names: &'static [&'static str], grammar: &'static Grammar) -> Interpreter {
    Interpreter { names, syntax: Syntax::Options(grammar) }
}

/// What all shells with `+` options share: `-c` and `-s` are flags, the first operand is the text or the script.
const SHELL: Grammar = Grammar {
    shell: true,
    command: b"c",
    stdin: b"s",
    stdin_options: "stdin",
    next: b"o",
    long_nothing: "",
    plus: Some(b"c"),
    dash: Dash::Ends,
    ..NONE
};

/// dash goes on with standard input where `-s` stands beside `-c`.
const DASH: Grammar = Grammar { command_operand: Operand::TextThenStdin, ..SHELL };

/// ksh, mksh, zsh and yash take `-oname`; `sh`, bash and busybox go on with the cluster and take the next word.
const KSH: Grammar = Grammar { next: b"", value: b"o", long_nothing: "version help", ..SHELL };

/// Names that bash takes after one dash as well.
const BASH: Grammar = Grammar {
    stdin_options: "",
    next: b"oO",
    plus: Some(b"cs"),
    long_value: "rcfile init-file",
    long_nothing: "version help",
    names: Names::Leading,
    single: "debug debugger dump-po-strings dump-strings login noediting noprofile norc posix pretty-print \
        protected restricted verbose",
    ..SHELL
};

/// csh: `-c` takes the word after its cluster, `-b` ends the options, `+` and a lone dash are operands.
const CSH: Grammar =
    Grammar { shell: true, command: b"c", stdin: b"st", ends: b"bc", dash: Dash::Operand, ..NONE };

/// fish: the text of `-C` runs before the file, the text or standard input.
const FISH: Grammar = Grammar {
    shell: true,
    text: b"c",
    before: b"C",
    value: b"dDofp",
    nothing: b"vh",
    long_text: "command",
    long_before: "init-command",
    long_value: "debug debug-output debug-stack-frames features profile profile-startup",
    names: Names::Abbreviated,
    dash: Dash::Operand,
    ..NONE
};

/// Python's text and module end the options; `-Q` is Python 2's.
const PYTHON: Grammar = Grammar {
    text: b"c",
    module: b"m",
    value: b"WXQ",
    ends: b"c",
    nothing: b"Vh?",
    long_value: "check-hash-based-pycs jit",
    long_nothing: "version help help-env help-xoptions help-all",
    ..NONE
};

/// `-M` and `-m` take no next word; `-d` is a flag, what follows its `:` or `=` is a module. Perl writes what `-M` and
/// `-d:` give it behind `use`, so that it may go on with more than a module; `-m` refuses that. `-V` runs text too.
const PERL: Grammar = Grammar {
    text: b"eE",
    uses: b"M",
    debugs: b"d",
    bare: b"V",
    searches: b"S",
    value: b"I",
    rest: b"mx",
    until_blank: b"iFCD",
    nothing: b"vh?",
    ..NONE
};

const RUBY: Grammar = Grammar {
    text: b"e",
    searches: b"S",
    value: b"ICXEr",
    rest: b"Fix:",
    one: b"K",
    nothing: b"h",
    long_value: "encoding external-encoding internal-encoding enable disable dump backtrace-limit parser",
    long_nothing: "version help copyright",
    ..NONE
};

/// node has no clusters but `-pe`.
const NODE: Grammar = Grammar {
    names: Names::OneDash,
    long_text: "e eval pe",
    long_maybe_text: "p print",
    long_loads: "import loader experimental-loader test-global-setup test-reporter",
    long_value: "r C allow-fs-read allow-fs-write build-sea build-snapshot-config conditions cpu-prof-dir \
        cpu-prof-interval cpu-prof-name debug-port diagnostic-dir disable-proto disable-warning \
        dns-result-order env-file env-file-if-exists es-module-specifier-resolution \
        experimental-default-type experimental-policy experimental-sea-config \
        experimental-specifier-resolution experimental-test-isolation heap-prof-dir heap-prof-interval \
        heap-prof-name heapsnapshot-near-heap-limit heapsnapshot-signal icu-data-dir input-type \
        inspect-port inspect-publish-uid localstorage-file max-http-header-size \
        max-old-space-size-percentage network-family-autoselection-attempt-timeout openssl-config \
        policy-integrity redirect-warnings report-dir report-directory report-filename report-signal \
        require secure-heap secure-heap-min security-revert snapshot-blob test-concurrency \
        test-coverage-branches test-coverage-exclude test-coverage-functions test-coverage-include \
        test-coverage-lines test-isolation test-name-pattern test-random-seed test-reporter-destination test-rerun-failures test-shard test-skip-pattern test-timeout title \
        tls-cipher-list tls-keylog trace-event-categories trace-event-file-pattern trace-require-module \
        unhandled-rejections use-largepages v8-pool-size watch-kill-signal watch-path",
    long_nothing: "v h version help v8-options completion-bash run",
    commands: &[("inspect", Operand::Needed)],
    ..NONE
};

const BUN: Grammar = Grammar {
    text: b"ep",
    value: b"rdlF",
    nothing: b"vh",
    long_text: "eval print",
    long_value: "conditions cwd define drop elide-lines env-file extension-order fetch-preconnect filter import \
        install jsx-factory jsx-fragment jsx-import-source jsx-runtime loader main-fields \
        max-http-header-size port preload require shell title tsconfig-override",
    operand: Operand::Needed,
    commands: &[
        ("run test", Operand::Needed),
        ("exec", Operand::Text),
        ("repl", Operand::Ignored),
        (
            "x install i add remove rm update audit outdated link unlink publish patch pm info why build init \
        create upgrade",
            Operand::Nothing,
        ),
    ],
    ..NONE
};

/// A first operand that is no subcommand is run.
const DENO: Grammar = Grammar {
    value: b"cL",
    nothing: b"Vh",
    long_text: "eval",
    long_file: "eval-file",
    long_loads: "preload",
    long_value: "cert conditions config ext filter host import-map inspect-publish-uid location lock log-level \
        min-dep-age minimum-dependency-age node-modules-linker port reporter require seed",
    commands: &[
        ("run watch serve test bench", Operand::Needed),
        ("eval", Operand::Text),
        ("repl", Operand::Ignored),
        (
            "add audit bundle cache check clean compile completions coverage create deploy doc fmt help info \
        init install jupyter lint lsp outdated publish remove task types uninstall update upgrade x",
            Operand::Nothing,
        ),
    ],
    ..NONE
};

/// `-S` serves, whatever else is asked for; `-l`, `-s` and `-w` only look at a file, but `-l` does nothing behind text.
/// The file of `-F` runs beside texts, that of `-f` gives way to them. After `--` stand the arguments of what standard
/// input says. Two settings name what runs before and behind the program.
const PHP: Grammar = Grammar {
    text: b"rBRE",
    file: b"fF",
    file_goes_on: true,
    value: b"czt",
    setting: b"d",
    nothing: b"vimhsw?",
    looks: b"l",
    server: b"S",
    long_text: "run process-begin process-code process-end",
    long_file: "file process-file",
    long_value: "php-ini zend-extension docroot",
    long_setting: "define",
    settings_load: "auto_prepend_file auto_append_file",
    long_nothing: "version help usage info modules syntax-highlight syntax-highlighting strip ini rf rc re rz ri",
    long_looks: "syntax-check",
    long_server: "server",
    equals: true,
    dash: Dash::Operand,
    operand: Operand::ScriptBeforeDashes,
    ..NONE
};

/// `-b` is the address of a `FastCGI` server. Without a file it answers the request that a web server put into the
/// environment, and standard input is what the client sent; arguments do not tell that from a script fed to it by hand.
const PHP_CGI: Grammar = Grammar {
    text: b"",
    file: b"f",
    value: b"czT",
    nothing: b"vimhlswb?",
    server: b"",
    long_text: "",
    long_file: "file",
    long_server: "",
    operand: Operand::Needed,
    ..PHP
};

/// `LuaJIT`'s `-b` compiles and runs nothing.
const LUA: Grammar =
    Grammar { text: b"e", value: b"lj", rest: b"O", nothing: b"b", operand: Operand::AlsoScript, ..NONE };

/// All words that begin with a dash, but these, make it read standard input.
const TCL: Grammar = Grammar {
    names: Names::OneDashOrStdin,
    long_value: "encoding",
    long_file: "file",
    operand: Operand::ScriptBeforeDashes,
    ..NONE
};

const EXPECT: Grammar = Grammar {
    text: b"c",
    file: b"f",
    file_goes_on: true,
    value: b"D",
    nothing: b"v",
    operand: Operand::AlsoScript,
    ..NONE
};

/// What Rscript starts in the end: `R --no-echo --no-restore --file=x.R --args ...`.
const R: Grammar = Grammar {
    text: b"e",
    file: b"f",
    value: b"gd",
    long_file: "file",
    long_value: "gui debugger encoding",
    long_ends: "args",
    operand: Operand::Ignored,
    ..NONE
};

pub(super) const INTERPRETERS: &[Interpreter] = &[
    options(&["sh", "ash", "hush", "toysh"], &SHELL),
    options(&["dash"], &DASH),
    options(&["bash", "rbash"], &BASH),
    options(&["ksh", "rksh", "oksh", "pdksh"], &KSH),
    options(&["mksh", "lksh", "rmksh", "rlksh"], &Grammar { value: b"oT", plus: Some(b""), ..KSH }),
    options(
        &["zsh", "rzsh"],
        &Grammar { ends: b"b", stdin_options: "shinstdin stdin", long_value: "emulate", ..KSH },
    ),
    options(
        &["yash"],
        &Grammar {
            plus: Some(b""),
            command_options: "cmdline",
            long_value: "rcfile profile",
            names: Names::Abbreviated,
            ..KSH
        },
    ),
    options(&["csh", "tcsh", "bsd-csh"], &CSH),
    options(&["fish"], &FISH),
    options(&["python", "pypy", "pypy-c", "ipython", "micropython", "platform-python"], &PYTHON),
    options(&["perl"], &PERL),
    options(&["ruby", "jruby"], &RUBY),
    options(&["node", "nodejs"], &NODE),
    options(&["bun"], &BUN),
    options(&["deno"], &DENO),
    options(&["php", "php-cli"], &PHP),
    options(&["php-cgi"], &PHP_CGI),
    options(&["lua", "luajit", "texlua"], &LUA),
    options(&["tclsh", "wish"], &TCL),
    options(&["expect"], &EXPECT),
    options(&["Rscript"], &Grammar { text: b"e", ..NONE }),
    options(&["R"], &R),
    Interpreter {
        names: &["pwsh", "pwsh-preview", "pwsh-lts", "pwsh.exe", "powershell", "powershell.exe"],
        syntax: Syntax::Powershell,
    },
];
