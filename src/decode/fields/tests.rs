use super::super::{Budget, pieces};
use crate::model::{Encoding, Span};

/// Forms in which a name (`@N`) and its value (`@V`) stand apart.
pub(crate) const FORMS: [(&str, &str); 64] = [
    ("k8s", "- name: @N\n  value: \"@V\"\n"),
    ("k8s bare", "        - name: @N\n          value: @V\n"),
    ("k8s turned", "- value: \"@V\"\n  name: @N\n"),
    ("ecs", "{\"name\": \"@N\", \"value\": \"@V\"}"),
    ("ecs turned", "{\"value\": \"@V\", \"name\": \"@N\"}"),
    ("ecs lines", "{\n  \"name\": \"@N\",\n  \"value\": \"@V\"\n}"),
    ("cloudformation", "\"ParameterKey\": \"@N\",\n\"ParameterValue\": \"@V\"\n"),
    ("appsettings", "<add key=\"@N\" value=\"@V\" />"),
    ("appsettings turned", "<add value=\"@V\" key=\"@N\" />"),
    ("property", "<property name=\"@N\" value=\"@V\"/>"),
    ("element", "<name>@N</name>\n  <value>@V</value>"),
    ("element with one between", "<name>@N</name><type>x</type><value>@V</value>"),
    ("around", "<setting name=\"@N\" serializeAs=\"String\">\n  <value>@V</value>"),
    ("resx", "<data name=\"@N\" xml:space=\"preserve\">\n    <value>@V</value>"),
    ("plist", "<key>@N</key>\n\t<string>@V</string>"),
    ("android", "<string name=\"@N\">@V</string>"),
    ("cdata named", "<string name=\"@N\"><![CDATA[@V]]></string>"),
    ("tag", "<@N>@V</@N>"),
    ("phpinfo", "<tr><td class=\"e\">@N </td><td class=\"v\">@V </td></tr>"),
    ("table", "| @N | @V |"),
    ("table ticks", "| `@N` | `@V` | what it is |"),
    ("table far", "| @N | the key of it (old) | `@V` |"),
    ("setx", "setx @N @V"),
    ("setx quoted", "setx @N \"@V\" /M"),
    ("docker", "ENV @N @V"),
    ("define", "#define @N \"@V\""),
    ("setq", "(setq @N \"@V\")"),
    ("fish", "set -gx @N @V"),
    ("csh", "setenv @N @V"),
    ("option", "aws ssm put-parameter --name /shop/@N --type String --value @V"),
    ("terraform", "name  = \"@N\"\n  value = \"@V\""),
    ("terraform secret", "secret_name = \"@N\"\n  plaintext_value = \"@V\""),
    ("terraform variable", "variable \"@N\" {\n  type    = string\n  default = \"@V\"\n}"),
    ("php pairs", "['name' => '@N', 'value' => '@V']"),
    ("cdata alone", "<@N><![CDATA[@V]]></@N>"),
    ("option by itself", "tool --@N @V --verbose"),
    ("option after a name", "tool --name=shop --@N @V"),
    ("cmake", "set(@N \"@V\")"),
    ("array", "static const char @N[] = \"@V\";"),
    ("array of a length", "char @N[48] = \"@V\";"),
    ("visual basic", "Const @N As String = \"@V\""),
    ("bicep", "param @N string = '@V'"),
    ("objective c", "NSString *@N = @\"@V\";"),
    ("c sharp", "var @N = @\"@V\";"),
    ("wide", "auto @N = L\"@V\";"),
    ("bytes", "@N = b\"@V\""),
    ("raw", "let @N = r#\"@V\"#;"),
    ("r", "@N <- \"@V\""),
    ("or", "const x = process.env.@N || \"@V\";"),
    ("coalesced", "const x = env.@N ?? '@V';"),
    ("ruby", "@N ||= \"@V\""),
    ("typed", "@N: Final[str] = \"@V\""),
    ("static", "const @N: &'static str = \"@V\";"),
    ("wrapped", "@N = SecretStr(\"@V\")"),
    ("new", "@N = new Setting(\"@V\");"),
    ("braces", "std::string @N = {\"@V\"};"),
    ("erlang", "{@N, <<\"@V\">>}."),
    ("lua", "local @N = [[@V]]"),
    ("perl", "my $@N = q{@V};"),
    ("yaml tag", "@N: !!str \"@V\""),
    ("yaml anchor", "@N: &shop @V"),
    ("yaml block", "@N: |-\n  @V"),
    ("yaml fold", "@N: >\n  @V"),
    ("jsx", "<Client @N={\"@V\"} />"),
];

const NAME: &str = "SHOP_API_KEY";
const VALUE: &str = "5f0c3f3fd1b0a5e299c47a608e1d2b37";

fn laid(text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    pieces(text.as_bytes(), None, &mut Budget::of(text.len()), &mut |piece, _| {
        if piece.encoding == Encoding::Fields {
            let bytes = String::from_utf8_lossy(piece.bytes()).into_owned();
            let start = bytes.find(VALUE).unwrap_or(0);
            let outer = piece.outer(Span { start, end: start + VALUE.len() });
            all.push((bytes, text.get(outer.start..outer.end).unwrap_or_default().to_owned()));
        }
    });
    all
}

fn filled(form: &str) -> String {
    format!("first line\n\n{}\n\nlast line\n", form.replace("@N", NAME).replace("@V", VALUE))
}

#[test]
fn a_name_and_its_value_are_laid_side_by_side() {
    let mut lost = Vec::new();
    for (what, form) in FORMS {
        let laid = laid(&filled(form));
        let good = matches!(&laid[..], [(bytes, outer)]
            if bytes.ends_with(&format!("{NAME}=\"{VALUE}\"")) && outer == VALUE);
        if !good {
            lost.push(format!("{what}: {laid:?}"));
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn what_stands_in_another_entry_is_no_name() {
    for form in [
        "- name: @N\n- value: \"@V\"\n",
        "- name: @N\n\n  value: \"@V\"\n",
        "{\"name\": \"@N\"}, {\"value\": \"@V\"}",
        "{\"value\": \"@V\"}, {\"name\": \"@N\"}",
        "<add key=\"@N\" /><add value=\"@V\" />",
        "<key>@N</key><other>x</other>\n<p>@V</p>",
        "<a @N>@V</a>",
        "call @N @V",
        "tool --@N --@V",
        "name = \"@N\"\nsha = \"@V\"",
        "<td>some text, of which this is the end</td><td>@V</td>",
    ] {
        assert_eq!(laid(&filled(form)), [], "{form}");
    }
    // The nearest name is meant.
    let near = laid(&filled("- name: @N\n  valueFrom: x\n  name: GIT_SHA\n  value: @V\n"));
    assert!(matches!(&near[..], [(bytes, _)] if bytes.starts_with("GIT_SHA=")), "{near:?}");
}

#[test]
fn whatever_stands_around_a_value_is_read_within_bounds() {
    for lead in [
        "<",
        ">",
        "{",
        "}",
        "|",
        "value: \"",
        "value=\"",
        "<value>",
        "</name><value>",
        "name:",
        "- ",
        "--value ",
        "=> \"",
    ] {
        let text = lead.repeat(300);
        let _laid = laid(&format!("{text}{VALUE}"));
        let _laid = laid(&format!("{VALUE}{text}"));
        let _laid = laid(&format!("value: {VALUE}{text}"));
    }
}
