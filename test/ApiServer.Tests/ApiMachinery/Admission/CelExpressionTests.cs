using System.Text.Json.Nodes;
using AiModels.ApiMachinery.Admission.Cel;

namespace AiModels.ApiServer.Tests.ApiMachinery.Admission;

/// <summary>The Common Expression Language as matchConditions have it.</summary>
[TestClass]
public sealed class CelExpressionTests
{
    private static readonly Dictionary<string, JsonNode?> s_variables = new()
    {
        ["object"] = JsonNode.Parse(
            """{"metadata":{"name":"m","labels":{"a":"1","x/y":"z"}},"spec":{"n":3,"r":1.5,"on":true,"items":[{"name":"p","port":80},{"name":"q","port":443}],"nothing":null}}"""),
        ["oldObject"] = null,
        ["request"] = JsonNode.Parse("""{"operation":"CREATE","userInfo":{"username":"jane","groups":["dev"]}}"""),
    };

    [TestMethod]
    [DataRow("true")]
    [DataRow("1 + 2 * 3 == 7 && 7 % 4 == 3 && -(-2) == 2 && 10 / 3 == 3")]
    [DataRow("1.5 + 1.5 == 3.0 && 3 == 3.0 && 2 < 2.5")]
    [DataRow("'a' + \"b\" == 'ab' && 'a' < 'b' && r'\\d' == '\\\\d'")]
    [DataRow("'\\u00e9\\n\\x41'.size() == 3")]
    [DataRow("'''a'b''' == \"a'b\"")]
    [DataRow("!false || 1 == 2")]
    [DataRow("object.spec.n > 2 ? true : false")]
    [DataRow("has(object.metadata.labels) && !has(object.metadata.annotations)")]
    [DataRow("has(object.spec.nothing) && object.spec.nothing == null && oldObject == null")]
    [DataRow("'x/y' in object.metadata.labels && object.metadata.labels['x/y'] == 'z'")]
    [DataRow("'dev' in request.userInfo.groups && !('ops' in request.userInfo.groups)")]
    [DataRow("object.spec.items.all(i, i.port > 0) && object.spec.items.exists(i, i.name == 'q')")]
    [DataRow("object.spec.items.exists_one(i, i.port == 80) && object.spec.items.filter(i, i.port > 100).size() == 1")]
    [DataRow("object.spec.items.map(i, i.port) == [80, 443] && object.spec.items.map(i, i.port > 100, i.name) == ['q']")]
    [DataRow("size(object.spec.items) == 2 && object.spec.items[1].port == 443 && object.spec.items.map(i, i.port).sum() == 523")]
    [DataRow("object.metadata.labels.all(k, k.size() > 0)")]
    [DataRow("{'a': 1, 'b': [2]} == {'b': [2], 'a': 1} && {'a': 1}.a == 1")]
    [DataRow("'model-7b'.matches('^model-[0-9]+b$') && !'x'.matches('[0-9]')")]
    [DataRow("'abc'.startsWith('ab') && 'abc'.endsWith('bc') && 'abc'.contains('b') && 'aBc'.lowerAscii() == 'abc'")]
    [DataRow("'a,b'.split(',').join('-') == 'a-b' && 'aab'.replace('a', 'c') == 'ccb' && 'abc'.substring(1, 2) == 'b' && 'abc'.indexOf('c') == 2")]
    [DataRow("int('7') == 7 && string(7) == '7' && double('1.5') == 1.5 && bool('true') && type(1) == 'int'")]
    [DataRow("1 == 2 || true || object.missing.deep")]
    [DataRow("object.missing.deep || true")]
    [DataRow("!(object.missing == 1 && false)")]
    [DataRow("[1, 2].exists(x, x == 2 || x.nothing) // a comment")]
    [DataRow("has(object.metadata.annotations) ? false : request.operation in ['CREATE', 'UPDATE']")]
    public void Condition_ThatHolds_IsTrue(string expression) => Assert.IsTrue(CelExpression.Parse(expression).EvaluateCondition(s_variables), expression);

    [TestMethod]
    [DataRow("object.metadata.annotations.x == 'y'", "no such key: annotations")]
    [DataRow("oldObject.metadata.name == 'x'", "no such key: metadata")]
    [DataRow("object.spec.items[7].name == 'x'", "index out of bounds: 7")]
    [DataRow("1 / 0 == 1", "division by zero")]
    [DataRow("9223372036854775807 + 1 == 0", "return error for overflow")]
    [DataRow("1 + 'a' == 'b'", "no such overload: +")]
    [DataRow("object.spec.n", "the expression must evaluate to bool")]
    [DataRow("who == 1", "undeclared reference to 'who'")]
    [DataRow("'a'.matches('(')", "error parsing regexp")]
    [DataRow("[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, [1,2,3,4,5,6,7,8,9].all(e, [1,2,3,4,5,6,7,8,9].all(f, a+b+c+d+e+f > 0))))))", "cost limit exceeded")]
    public void Condition_ThatCannotBeEvaluated_SaysWhy(string expression, string problem)
    {
        CelExpression parsed = CelExpression.Parse(expression);

        var failure = Assert.ThrowsExactly<CelException>(() => parsed.EvaluateCondition(s_variables));

        StringAssert.Contains(failure.Message, problem);
    }

    [TestMethod]
    [DataRow("")]
    [DataRow("1 +")]
    [DataRow("(1")]
    [DataRow("a b")]
    [DataRow("'open")]
    [DataRow("#")]
    [DataRow("has(object)")]
    [DataRow("[1].all(1, true)")]
    [DataRow("url('x').getHost() == 'y'")]
    [DataRow("authorizer.group('').resource('pods').check('get').allowed()")]
    [DataRow("99999999999999999999 == 1")]
    public void Text_ThatIsNoExpression_DoesNotParse(string text) => Assert.ThrowsExactly<CelException>(() => CelExpression.Parse(text));

    [TestMethod]
    public void Text_NestedTooDeep_DoesNotParse()
    {
        Assert.ThrowsExactly<CelException>(() => CelExpression.Parse(new string('(', 5000) + "1" + new string(')', 5000)));
        Assert.ThrowsExactly<CelException>(() => CelExpression.Parse(new string('!', 5000) + "true"));
        Assert.ThrowsExactly<CelException>(() => CelExpression.Parse(new string(' ', 20_000) + "true"));
    }
}
