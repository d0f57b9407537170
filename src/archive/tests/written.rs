//! Documents that the real writers made, packed with gzip.

use data_encoding::BASE64;
use std::io::Read;

fn unpack(text: &str) -> Vec<u8> {
    let packed = BASE64.decode(text.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// A database with pages of 512 bytes: a long value, an index, a table without row ids, a deleted row, a packed value.
pub(in super::super) fn sqlite() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA+3aa4wdZR3H8efZS++7fUovWyhlT6GlW1ro+f//M2dmWlpFKCIWArQQXqh1l57ShWW3bE9pm5B4ifJCA1H0BYkJIUaI18QXRo3xhTEhqYYQ",
        "EhNJDBpMMPGFV0x8ofEy5zt7ps+mEElkTVp3sp2e///sb87smc88Z/aZPXT3wclOu3FsZvaR8U7DXJ/z3r230XDOLS3/rXfnl4G5f73Fu/+8LHU3POCHCL7h",
        "/Ff9Ib+hfPA/XpoDS0ZGRvxNnfGJqfbE1MzESVbrb77nwE2HDzQO3/S+gwcatMbO8P+Ovf1LRjaN+EOT00fbZybOHjl9fLwzPdNpnxyYy3zgzlsO3N+Ye6Yx",
        "M93g2bFuteNQ39Luy31ikNc7MT45e5JV/7zXozX2cKPTPtNpnJidfGR89mzj4fbZXY3H6O1onJ7sHJ851WnMzpyePHqfrza6ko3yaqz65m202ovJo43J6U77",
        "wfbs/A2fPj7DpruPyr3mVQbL96ff/7n7Nq31f/d/LR9uu+ANHF4y4NZsPmXHJqemyo3a8CC1ztU6PEAtc7UM91M35+rm04/2Dbq1zx+ZmCnf3ekH9zS7y67u",
        "Slgra2OdsE5Zt1hnrHPWRXctZIWskBWyQlbIClkhK2SFrJJVskpWySpZJatklaySVbJG1sgaWSNrZI2skTWyRtbIJmQTsgnZhGxCNiGbkE3IJmQTsinZlGxK",
        "NiWbkk3JpmRTsinZlGyLbEt2lYdxxRrP+XvZ7nK1ehMHdkX3RPa/deXX4nIJLyP9o9ccK0ecTncoqB48Nj51qt1XPtfnX+t+yzr/B/+av9yvdP9wf3S/dj9z",
        "L7rv+Wfd19yX3JPuY+5R94C7173ff95/yp/2D/kP+7v8zf5F/2aZHeof9b3RILsqrlqb4yq9Mq6STXFlV8SVXh5XsjGumiNRJcWGuMrXx1W2Lq5aa+MqvSyu",
        "kjVxZSGudHVcyXBcNYdW9W/uVcWqqMhXRkW2Iipay6MiXRYVydKosCVRoYNRIQNR0ex/enrg+SP+gqG1PC7xD5VqVnbiH8yaW8rOksUBdyEG3O6abItsi2yL",
        "bItsi2yLbItsRjYjm5HNyGZkM7IZ2YxsRjYjm5PNyeZkc7I52ZxsTjYnm5PNu9do5AvyBfmCfEG+IF+QL8gX5AvyRTcriBM+zIUPc+HDXPgwF2wJtgRbgi3B",
        "lmBLsCXYEmwJtgRbgi3BlmBLsCXYEmwJtgRbgi3BlmBLsCXYEmwJtgRbgi3BlmBLsCXYEmwJtgRbgi3BlmBLsCXYEmwJtgRbgi3BlmBLsCXYEmwJtgRbgi3B",
        "lmBLsCXYEmwJtgRbgi3BlmBLsCXYEmwJtgRbgi3BVnn8lwm+BF+CL8GX4EvwJfgSfAm+BF+CL8GX4EvwJfiSnCy2BFuCLcGWYEuwJdgSbAm2BFuKLcWWYkux",
        "pdhSbCm2FFuKLcWWYkuxpdhSbCm2FFuKLcWWYkuxpdhSbCm2FFuKLcWWYkuxpdhSbCm2FFuKLcWWYkuxpdhSbCm2FFuKLcWWYkuxpdhSbCm2FFuKLcWWYkux",
        "pdhSbCm2FFuKLcWWlrbK47+8+4g8vhRfii/Fl+JL8aX4UnwpvhRfii/Fl+JL8aXYUmwpthRbii3FlmJLsaXYUmwpthRbii3FlmJLsaXYUmwpthRbii3FlmJL",
        "saXYUmwZtgxbhi3DlmHLsGXYMmwZtgxbhi3DlmHLsGXYMmwZtgxbhi3DlmHLsGXYMmwZtgxbhi3DlmHLsGXYMmwZtgxbhi3DlmHLsGXYMmwZtgxbhi1Luhd+",
        "5PFl+DJ8Gb4MX4Yvw5fhy/Bl+DJ8Gb4MX4YvY+wybBm2DFuGLcOWYcuwZdgybBm2DFuGLcOWYcuwZdgybBm2DFuGLcOWYcuwZdgybBm2DFuGLcOWYcuwZdgy",
        "bBm2DFuGLcOWYcuwZdiy0tae9vTRvovlV4OVF8eVyuJVykJcpZTHf9XFcaWyeJWyEFcp3d/dL44rlcWrlIW4SmF+/KK4Ulm8SlmIq5TuvZklbpvzv3dtd687",
        "4NLF+f9Lev5/7Zbx6emTx2dmqxtAQ9zke9r5P/nX/Sv+R/7b/jn/lH/cP+Tv97f6xF/tg/un+537hTvnvuu+Un7rx920+5C7/S2uJG9bO3pK856KPFxVvlzZ",
        "yeqZ4bC56rTq2eFwZdVJ6xnisKnqJPUscbii6lg9Uxwurzq1QA0bq47UM8ZhpOo061njsIGOFPXMcVhfdfJ69jisqzpZPYMc1ladVj2LHC6rOmk9kxzWVJ2k",
        "nk0OoerY+Rnl1VVH61nlMFx16vNGwlDVadazy8OrOJV6u1wMr6Tu7XA+vIK6t7vZ8HLq3s62hpdR93Y1HV5K3dvRZIW/2W10Tzr/ff8Nn/rtbzf/7z/nP+k7",
        "/lip4nb/pv+Nf9X/5Pw9AVdu5dbe6NDaHk8xp9fGVbItrmxrXOk1F+f8v3/RLS2reAfz0Xfnhsg7nP8vT71G/E7K1fMn+efdU4hfoWis8FvdiLvFlWf4r9wr",
        "7sfuO+4F/2n3jPuMf849Xp7pH3X3uFv8Br/M/a087m/4L/if+3P+CX/WT/kjXv3WUR9tMUl2x5XdEFd6fVzJrrhq7ox3ubgurvIdcfWu8Jr/FiWZxlVL4ipt",
        "+m+58fMj5tvcbLnwc6w8KoPv7N5QvGPZ2NvfGyq3uOmtjmOq8SZSacVVM41/miKJq9y64/+68nC7l90P3dfdM9wD/Gk5Grzgv1ie8Sf8R/xBv8ePlQIG3Jvu",
        "dfeE67gJd5fbPzfmf7kcr9LeKJdayBjBUq13LbSqjtS7F9Kq06x3MSR0kqLezTBajd7/9afJ7mrL9YCXhBuqjtVIw/VVR2uoYVfVkRpr2Fl1mjXYcB0dK2q0",
        "YUfVyWu4YazqZPXRDdurTqvmHK6tOmlNOmyrOknNOmytOvUVmIVrqo7WvMPVVUdq4mFL1WnWI0FoVO9PUQ8A3eO/ujywFx7rWMKldCc85JW+BTBrVSevT6+g",
        "VSerB5ogVadVDzahWXXSesAJ+6vX6m05LcK+qtPbcpqHG6tOb8tpFvZWnd6W01bYU3XqD/80FFWnJytNun//MeR3O8b27sj+A/9N/2x9j3+f3+03/r/+ycTJ",
        "mZnpRmemMdFuHG1PtTvto+8Z6t+yfEE/Cub/mUA8jhf74yrfF1fZjXHV2htX6Z64Soq4snyIv/951ZVfi8uls2z3ffeNfnYZj/v6d9528OU777j73EuHbjs8",
        "9sGXdtwx6P71l18+v6Z88t8zBw2PACoAAA=="
    ))
}

/// The same in UTF-16.
pub(in super::super) fn sqlite_utf16() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA+2bX4hdRx3Hv7N/st1NN3+af7vpSXI3SdvdpknvzJyZObNJo/UftaaV/rWFSkmaP9amSdhu0j9YMBVEFCtCBfHZ+KAPog8ilPogPhQbfCiB",
        "+iIWQTEgghUKUqjOOTeT+82dib2lRfF6J9mb3/l9793POXPmfGfuZOa+ew48vnykdfTk0pMHl1saIxACH221AEyEnx3olrFLP7GM4L3LBPY8JsZDIMQ79fGO",
        "zj8fvJzdOjIxNzcnzj6/jIM4hOM4glMhehxLeIqi0Y/jXnwSt+P+8NoKr7fjYzjQxN03zeOJcLwcfsUz4bVWloLyZNCX8Gw4fiIoz+KWEJ2h9y2E+OnwvmV8",
        "ASdxuvnkUojq3GGc3SmaE3xhsnuCJ4Jaf/opikaufoLdN803v7IVXk80mWPhZ+nfnujTzUl1TzbmDjan2ckC4yP1vRkTf6mrtCXeEW+Lv4WDB7EP22NNz0yO",
        "YcPu07A4GljHmwup2RYz13QU06MYzEx0lLJHKTGzoqPoHkVjZryjqB5FYWaso8geRWJmtKO0e5Q2zn0+XNrsa/JQqIW68k+GmjuGxaDEP7dcjiTFimJNcUmx",
        "odhS7CiuKPaXY0lcSVxJXElcSVxJXElcSVxJXFnfvDVbxRhmzcFw9Sfq420uvGyZDy+bZ8PL7ORU82xeQPg7LANSdo1Kf/SStS1fdgXOnAk+cDxY1pHGxEfF",
        "j+uPzYk/il+H8JtBfhR3QIoviWPiXnGbmBfr8C4uipfFn7FxVIrex9BhfS5tsS6XNrguly6xNpfWWJNLK6zOpSVW5dJtTK8f3d2T9rg2TVZYmSYdptKkxWSa",
        "NLgmTZaYSJMaK9KkwnialBjrJoGt6QWacDJ7g1SkUhl+5+4gXZ9KKnxqy3TTkf8c4uHw8insf9+N7ZpL/y4thM54tu6gDjedy6HQ5B693OV0u7KxK/u7T+Nu",
        "fCJED4X4yo+0Gs++sheM2sKw//8Q+v/6Epox2uB1fV2uIq4iriKuIq4iriKuIq4iriKuIq4mriauJq4mriauJq4mriauJq4mbknckrglcUvi1k9wSeyS2CWx",
        "S2KXxC6JbYhtiG2IbYhtiGuIa4hriGuIa4hriWuJa4lriWuJa4lriWuJa4lrieuI64jriOuI64jriOuI64jriOuIWxG3Im5F3Iq4FXEr4laBC0zSsaO4orjL",
        "9sT2xPbE9sT2xPbE9nTNnrieuP4yV9KQXdKQXZJvSfItSb4lybck+ZYk35LkW5J8S5JvSfItSb4lybck+ZYk35LkW5J8S5JvSfItSb4lybck+ZYk35LkW5J8",
        "S5JvSfItedm3gKlLx122JrYmtia2JrYmtia2JrYmtqZr1sQtiVsStyRuSdySuCVxS+KWxC2JWxLXENcQ1xDXENcQ1xDXENcQ1xDXENcS1xLXEtcS1xLXEtcS",
        "1xLXEtcS1xEXWEneJcm7JHmXJO+S5F2SvEuSd0nyLkneJcm7JHmXJO+S5F2SvEuSd8nGu7qxo7iiuMv1xPXE9cT1xPXE9cT1xPXE9cTt+pYi31LkW4p8S5Fv",
        "KfItRb6lyLcU+ZYi31LkW4p8S5FvKfIt1Tx9wLV0XFJsKLYUO4orirtsRWxFbEVsRdesiKuIq4iriKuIq4iriauJq4mriauJq4mriauJq4mriVsStyRuSdyS",
        "uCVxS+KWxC2JWxK3JK4hriGuIa4hriFu9C1g+tKxJc1RXFHcZVtiW2JbYltiW2JbumZLXEtcS1xLXEdcR1xHXEdcR1xHXEdcR1xHXEfcirgVcSviVsStiFsR",
        "tyJuRdyKuBVxPXE9cT1xPXE9cT1xPXE9cYFV5F2KvEuTd2nyLk3epcm7NHmXJu/S5F2avEuTd2nyLk3epcm7NHmXpjGXJt/S5FuafEuTb2nyLU2+pcm3NPmW",
        "Jt/S5FuafEuTb2nyLU2+pcm3NPmWJt/S5FuafEuTb2nyLU2+pcm3NPmWJt/S5Fu68S1gNR1LihXFmuKSYkOxpdhRXFHcZRu6ZkNcQ1xDXENcQ1xDXENcQ1xD",
        "XEtcS1xLXEtcS1xLXEtcS1xLXEtcR1xHXEdcR1xHXEdcR1xHXEdcR9yKuBVxo2/VpXOsSSspNhRbih3FFcVdtie2J7ana/bE9cT1xPXE9cT1xO341mIzy3a4",
        "r/+bHJZOWTucLOt3smzwJspCuW44WdbvZNngTZSFsm44WdbvZNngTZSFsn44WdbvZNngTZSFsmE4WdbvZNngTZSFsnE4WdbvZNngTZSFsmk4WdbvZNngTZTV",
        "CzyHk2X9TpYN3kRZXYaTZf1Olg3eRNl0swBkO8Sb+C1+ge/j6zg1XP89mOu/n2rWBC5dsQKwvv9rwmfEn8R58VPxkjgjHhKLosC7eBO/DO3hq+FDd3Y6imI2",
        "/C55unH43nukUMxEVSaqRLEpqu1EbaPY2FHr/qX3HnsUG6JaJWqFYn1UHdKFycW6qFqk65OL66JqkC5TLtZGtUS6WrlYE1WNdNFysTqqCuna5WJVVNM2Hepq",
        "OqptpCuZZ67ttPnemvKYWdlRemupwsxUR+mtIYcpXMS68HvFD8S38TpeDne8u/77OfGYuFs40RKTeEtcFK+Ll/9n13+HU59s0rmF0Bqbc2mF2Vw6+E4u3cam",
        "7Iru3Al5bMylK2x4j/XfXYcbrYfumRXduVMzuaXh9YDs+nr/x1o8Dzzf3N9XQjv4lnhGHBR3Ci0KMY6/4o3gAz/CS6HpfDacYLc80uvtYaSSW4Be4tZcWmNP",
        "7pxcboF7M97KpdvYlV1vn7637vhuzqUrLOTSDvO5tMVNubTBjbl0iRtyaY2dubTCjlxaYnsu3cZcdldBrlI9Wrl0hW3TzX8A74f4g/hVuPdfE18UB8QesQZv",
        "4QJ+hu/iOTxy9V0BxXzHqXTiLHWmuCmqFmk9FjdG1SCtzuKGqJZIa7XYGdV0HBG8d0dUFdI6LrZHVSKt6mIuqm2kNV60Yi/mkdZxsS2qFdKqLrZG1SFt9MWW",
        "qFqkD3VRRNUg82xfH9US6SNebI6qRup7U2IvVtU3+Cf4Hr4iXgniA2KnuCCm8TZ+Ly4G6VXxQ/Ed8WVxn9jbe/9zW1HCd5fckxqGzbl0GNHn0h+CldTffRZz",
        "6VDduXTor3LpMNzLIX0zd/5Cbkh17nNjr0nRz5ATuT1A72NbUu7Ewte07Lak3LUF8/uAz7/rtC2TPGl1prBRlUhruzBRbSOt9KLsqGXypNWZQke1QtrQChVV",
        "h7S9FTKqFmnlFe2oGqSNsrg1quk3m/Ck7YmqRtpEi91RVUj3aBW3RFUi7fuKXVFtI+0Ci5ujZ3mknV6xENUKad9X3/8Jsafn/ofR//9Lac8+cCQMeOtdVicv",
        "7ThbbnZOHQq5VrOZra6v+uE+jGJ/bLM+abOhpm+LapWooVXui6pL1NAq90bVIt3cVyxGNf2uHVqlj2qJ1I2LKqoaqQHU479JEb7/N6P7+ltAs+tzMaT+Mei3",
        "fqGfW/6RTaNm8r9r81fZfZpzdI/9uXSF23Jph33Tzf7vNxD+DsvglJvEyIPbvtHZmzsyuuuOA7+5+657Xj1/3x33z3/m/MJd4/jn3393bm2z+Du8QWiIF4Ue",
        "Vltf5eGxFfXG3tPdfb2dCcZDoQvpRtuvvq+3+6b54CTd4wWcGp2Y+8/uo/4X3MhImQBGAAA="
    ))
}

/// A binary property list.
pub(in super::super) fn property_list() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA0sqyMksLjEwuMLIxMzCysbJFZKSWJIYAhIMLchJzMwLKc9MSfUXUJHv5mAAASZmbQ+fc36+gSfOBHuEnDipo8fIoG9zLFgAKLeInSM4Py81",
        "uKQ8PyZRAaxdoSS1oiSXIZUhkyGPQYEhmCGZIYMhh+EPQzEQpjLkcAiKSSuq+QaERKSCjWdgZITQDNwMqKABAJnlnxarAAAA"
    ))
}

/// What Python 3.11 makes of a small module.
pub(in super::super) fn python_code() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA21Sv2/TQBj97mynTtKohapqRTJYSEUEkBFiKVIVqApCCCkIikDyYl1zTlvVicHnisbqkCELGwtiYehCAXXJnxIQg2VGpm5FZUCd+M4/Sqv2",
        "Ej2fP9/33vue/blSKQEu5yfduEEAfsGJpWbXwwWED8DBAk4swqlFuWIpXOXaR8ILA2qpFB4CHxsA13cpwB7NKSyNF5ehXgqngzXHeOP5XBhe22BGx+ObrhNe",
        "ZEbL64qAdQNZD5ytQExh3+nySi9whKth/Xup8eL2lU9WCcIiM7jTZptuUCexsuH0WiQTlVd5WJHeZ1PvZBvCAgCn24Sj81W6TtGX1gyVjTleV2OytZo2/73b",
        "7MHpdW9fMu7Lob5CncaE+XIvJBjGUQFnMV/1YtL2S5myuITQh2j8wrvFt49GM9e/LA9vDZ8O50bl+ZE6fyhZWyclcuuZXQcwZsCYCcZMB2CpXEG7aHMpnJAh",
        "pSG2XCbE8dg5TzK2no09AOyjzVNi8oAM+fBycig4QcDJGtnF+73jWtIe6utd1BOOzLrY9r3Q6eKNP4YH/LKEIsKRvuCyzgpnjXB6yeyYC67XYq5omHlZxiMm",
        "k2je93au7dS+zZg/Zsx+xiHZkF8VjtsW0oCR0MakEyrIJ/einAY7YY7wr5tJY7Ouxbptd1nHse24ZNvpx4X7cdt+vcnc7InKgsD3p3Kp/8b9Sg6yLq4mGvkv",
        "Ktf69w8o0W4ewFlISSqJi0I8Ztvca6GU9vzJ4wfNWHm2+DImzeS7SEXOJJZ6bfi17O2JNYQDhRASQXUE1Uiv9bWoUOsrkTrbJ9FkFXXJnXNBVQi6Ogu/Jfw5",
        "50Hi5B9KnO9UBAQAAA=="
    ))
}

/// What Java 17 makes of a small class.
pub(in super::super) fn java_class() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA41SW08TQRT+DoXdUheKtcpFhBUL9qJUfa2XxBqiUvWhDT74NN0dYNvtTLM7JfJP9F/oAzHhgR/gL/LJeLatQS0aNzlz5nzzneuer99PzwA8",
        "woMMppCyMe1gBhZhoSOORDUU6qD6pt2RniFYDwMVmMeEVLG0N8Neq2cfV/KzyOCSDcfBHOYJtMuiWF5aT75h+CWMnIMryDPsszzLMXrNwSKWCIs90ZV1rTxh",
        "3gbmkG+xEcrEhK1i47yIpokCdVArTUIcsEXIXfQw9zPanggHMo0bzBOuNwZdve8a+Z47m65rXxKyjUDJ14NeW0Yt0Q4ZoR4h09SDyJM7QQJYu9tJHp7PU61N",
        "bCLRfyXNofbjrIXNDLZw20Yxaa1EKJyXFKgj3ZXjykbd7gjP6OiY8OHXPsfEUdDnQvmhjAsNrbuDfm2yxb85to778gL6u8aff/W3gY5D1EUYNgMja2lUCPMd",
        "zVPxXXLFvpERwXmhlIzqoYhjGdvYJmz+V/k27hHW/k3lAY/IuIlkIYEUlrCMFRCuszWFVT550YaLxRs1xChZWT7X2KqwByVv5S+gch72CWZZZU9w+TPDhHU+",
        "rSElEZfDjxzXWScJ7coprgKfJsgprinJtoFbrNOMFFjKuMNWhm93UcV9LP8AIDdh9VIDAAA="
    ))
}

/// What `xlwt` writes: a workbook of the kind before 2007.
pub(in super::super) fn workbook() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA+1YTWgTQRT+Zpvf2qZpTcVGKEPBqrUX8eKl3SpoT5aqB0UE3TYLKQlpSRfaeLFacxQET4qXQi+CVL34gx705kGo6EEQhESPngSFHtKsb152",
        "JVEPDdiiMt8y37x58+Zn5+fN7L5e7SwtPUiW8ROG0YKqG0WoTicoRP1EHJTvukr04wgFV+OfQjRCExkK4mn7q7CaQzXfZRi4H3hBDHykcA4zGJvO2XILcYT7",
        "YAnVhyFigdukiaGHe9XFPMm8nfkeWz5jHmHNNeYhsi2Js1g1xwYOeav4jNHHeTGoeh9xmfesOYBuvFSr+NJ1UbMN4nB+ysr+nRm9gTYsg+Zt1M7ZeStbQoIm",
        "cBnfXAl89Xfqc6n1W6sXIP1aoz78G/0NIwAswL3AC7yIbQgFVE4LZqxCBSkSwIGm2EnbMmMXdtYkx553pJO2HDlnzcoZazJjp5IQp2hPpJFFBbP02CRJ3JUS",
        "c5ii2mxKOcTzxJLsbOQptCqvzl4g3uAF2nl3tBGn0MFyJ++ROPn5yp0vb45PjJvnWbPAnr92PuxWrwQXl1UJKhzjHOMHDzDvZ77Cte5iOcmcoJVNcf94tycc",
        "W2Sbq5zbT+0cZLw199TJe0kufj7xuLf4ydxH8spo+WJi5Z25hD46r1JUXj2LGBSD4tZNhSemHwvPl3xg7vnFr0SMuNd31zsEO7DOYwYaD4VaSo2O8OwFpxvt",
        "BdurGoeNLjzkARmpO1tboaGhoaGhoaGhobH5EN69XH1lqJt70Lv9h73/OusUqvo3yX+Lk5imR30PHkWO4jwKTa2fHQgKvy6xwTL+/0KF09R6HhlMcD8yTa9f",
        "+noT9e+z4YLxP7eFmm2/2kw/N7n97zwt8f0AFgAA"
    ))
}

/// What `msoffcrypto` makes of a small document: the agile way, in a compound file.
pub(in super::super) fn encrypted_document() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA+1X6XLaVhS+xEtsd0u6pKmbJhr9ZWJJmNUDpEKsNosBgZd/QggkA5KQxOZO36IvkEfoW/Rf+wKdad+gLxC7R0JgwHaKnHS6jI/m43Lv1b3f",
        "Ped8OoJffn782+sft39HCxZFK+jichOtz4y5AA8mnUfjvomLy8vLyfDlvf2n7A3AzN8K5G7VzqWZ84eADbt/cR+m/61Nnt+VmVwv5n8L2g8AHwI+AnwM+GRc",
        "AtBjwKeAzwCfA74APAF8CXgK+AqwDfga8AzwDeA54IW99739s1ZCClwGwlACydBqaISc2BO0Nq35W7fc80f7TfaH819dk3YN2eICM1l5i1UFdgHV0SHiYKQF",
        "n03o/5Xh8Eaa9WcZ/k2T3jWeW0dxYDIAZTiBySwg3YH/T+ENOOFeXdL/2bkq8GnAKEEWZOTcHqEHLqf+m2NZe+669zlo1aX5t4HfrB1r9rt/GX7zN4R6K38G",
        "4tCAaCxnz5DL8v+hlUvn8S9bmjdj31zQ4jgj1883b947xN/Uybf2HAt8HPDols8a6jj3f6q/jb/B/+vnW/TfNfV/8w786/C8a8DVARantQdZ7x7n8Te1+hO6",
        "qf6MfXaSgefA/8D+Heyk/rxeQ/8KCwNy4DdvqUAHNCAOO4ixImEqX4LWrFE7N1bKyX8A1x35N+y14swe2BLvBc97eHZn+T13fBaO7fVmPf0OJeEKIRrtQkvC",
        "50vkQ37YKwnfvPCNssZicLI4zJizNIxTEG0KRkgUgHOY932P8g7ysuxZb8vV6jvoZxUus5aFXw07bawvaLqkyBGc2iFxTJB5pS7JzQheYZMvgzimG5xc59qK",
        "LETwkaDjr6JbYbhJG6kGrMJgB1mP4KJhqHsEofOi0OH0nY7Ea4quNIwdXukQSqMh8QLhIUk/cbUUH6/dUx2sbgmjxHgDRSNUTtcHilafbMTfdSNe0AwJ5jhD",
        "wKNbGFgY5uOcwWE61zbK0jn4TvlxrNZW+NZVF26KSQZ47/FBT+R0cTzn9+LWLlPjJVUUNLrdVDTJEDsRnE6UcXuUETlJtgI++ZZT6gITY8Y7ziwqp2kf5cGt",
        "M1W5dg+Ykj2WSGmJEUnkhZOCut/wB8g+HYngGGE7UgcvMrIhNGGTEWZHX6inOxx/IIwieO+oFiq3d4mzIO0zRLV34pYPO3ywzZ4r1ebxcd+bc1PujFjmsvQ5",
        "I59WWr5ixa/XUnqg46M9Mb3AG5I31zykB3khQ5KlOCUnek3zBHNc9nmz/RhRHZ2eErpMHDNyiqyIepJlWKpwNqgIfrWYC/Wp7FH3sDViezRbjMcrcr5R2I+z",
        "yXaooR12DHepq6oNnmWEVC0YK4zS/tKcv7OJ1aPTNMyNYz1NemfRRedSHFb3pv5CXDFdlWRG6ckGKIU0DXcgpXnxLNiczN6vst7KO6M6usf2+U6TCMSO+2zQ",
        "EBkq0KKKczmvCho8UYKWBqKMrPYgDt5UQJOGo5KcqQ2HHrne99WDhqmUt9LeuONETSpxcnQaSlNn5d0EVyPdraIUoEq5WiyfdXcHzW7pIDc8i3mOTlilomnV",
        "Orub1TytAR3oxpVCo36aYxk3N+xTUp5vDlq5wKgVqw/m/IBc2mRpL8fse4h+L35gkOci22v5vBIfZEO6VEoM2sVBQitmDTp10M1dydGSxpyAbJkSCzoNzxTG",
        "6Ba6t3u73f4E5z6eBAAWAAA="
    ))
}

/// A pack of two commits, a tag, and a file that is stored as what differs from its other version.
pub(in super::super) fn git_pack() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAAC/wtwdPZmYGBgAmLOWdwVc3pP+XI1KQowXNi7vEC+pd5Yy+VK4LGZG5v28Ri++lHacu/X2pVZml6HbtmavbN0PMlqcTygq2JZg0Lr",
        "3gWrKi9dOb7JRyqYtVOXMYH3ikiW0/0Ii2N9a0sKY3YvvL6rL/P8Nwf1vxe+7Xldd+b0xV89liwOz9+c+yshd7ss2vv/qbS97T+ZnjGYph5gr5gj",
        "etSRi8mQh+FAdfzE3Qq+ZZcjBC4u35Kp0bX0tJBL/fpzqWm1M6yu9NzxK12Zwq3+1Gd1wLWtokI9tzZwbuJk/5/DZnV8R/WHSw9b/+96W9BcvPPW",
        "7p63mcd3fudeoKL4SERZ5pE/h9y+qBPy72dxgLzszXVYAezlGbULehb3CTp59hndesmexZu08Hh+34TtdYtXO+2zLvKbVBUdtMmxoszux4FHkZum",
        "dBgH7lo48X3FNj5pnU2v/F/9u+b9ul/7xomJGgZKPhUGS6/+knL2T71sl/Vv9XO1lIUsFXOMDRmYWkXYFpdrfd+nuSYyq+Jh+wbvWx/Zqj0LXZ2Z",
        "mY2FhVv3/Jl0JWnvpC4hNu/W4jdThYQ3+b01PsmbOn+7yormy2IMX/+Jmy5gAhplYmBgbBjoce68d3JC/te4fb77I7+/tvmc+jydO2vD/HdbmRhW",
        "unJvJdnWe2/bm8w3Wurn5f2vSk188XWFf2N3ORODwAKppVYVc7T9dDVPnvHebvqEiUHMhrl8v1DFHNUJhn2ugRxO1eEHrwUIrtr/v+jd6SltDOzL",
        "o+Yeub0wVvjfmrV2kxZcP6J243ZvxpcV/Me8RHfM2Pq8YO7yg+Jtq7TOJ+w8IBUuvnBe7b7ZOw8dspRvrMoqZDfl3fjbO6L07Mr0lolFnsF29o43",
        "jKbL+dmJpchnz10ZuSpaavoz3RVrfWq9181fbZaruGeTRfX6J901PRXas9d/KHzN+Opd1P9v3/m+R39hb7ZN8n/N2KBZMSf6/JY2T42Z2pqmmsrK",
        "yraqmsqGtnO1DZMXrxBRZqgr4Njhol251Hhxe45g+3VNHT8pkQ+aSxYAAA0qKpQjAwAA",
    ))
}

/// A module of Erlang without debug information: a long binary, a list of characters, a map, numbers.
pub(in super::super) fn beam() -> Vec<u8> {
    unpack(concat!(
        "H4sIAAAAAAACA3PzDzJkYGA2cHJ19HUsCbVgYGCwBGJ2lpzUxGzm7NRKlpzM4hLm3MQC7tz8lNKc1PjMvLR8ttSinMS8dP701JJ4JGGgRuf8lFQgFQ3E",
        "AgwQsBKIuYGYlVGASUiJgVHBwZ2BWZjRgEnIiIHRwcFdAMgJYBJyYmBMcHBXAHIKmISCGBgbHISY/QQYGCcAeQKMCxyYhUECCgLMDMElRSEggz1zC0C0",
        "DBAzATEbyN1AzIjEZnKtAKtxANkPxSB5LigbBDiAmAXKBuljhrJZoOaCAJNPZgnInGtA/LxijmyfoR+zoYCr+m5HJ49GYYXc3iclKy8HugYe4U17fHPr",
        "5Mjzp8oKVmxf/tDjToPwkqULXabc+Hn0+ovzL86yN0gxxC1T/L0sncdRVtNNTXVuV1vIgvCiiyv6XPdknYxYvr57CrvnUx7R7teh2bK/zI+aTXI/t+du",
        "yB6j0F2yxhad190r7kh/yXHOWZK94eZpgyi1uzyL/H2WHVv+/Kt8zFOxD6Xb7/2LOfT8/eHvv99M2HxVhNv4bG9LhNf912We6TJuy5b+sLvb8yhZoz97",
        "TuLVQ38eF/1gd83z+M3A4Jtakgj0m2xzDiiEMphSGARS8xKTclJT4tNSE0tKi1KLs7KAUj75ySGw8HIsKSkCUhoIPcxlxXlgTp4Aw61lDc3vxOweVoe4",
        "f9ASfXYtK8vZMy8NKCmNUM9ellpUnJmfl83AaqFnpGecxeCSlJ4JlI1rDgCSaRVzVHsc+RoMOA50VM1hn/+ou4O5REf4zJx991dcX5b7StJtWkXuim1W",
        "94wPq2x9IHQ+TDzL49wkq7aDd5YwHIg3Wbl71jzfTsUZyYGT33881Vhjv+WPwnP2jZ+VgCneJzMPlE5FGLCAkMoCkJwUNK0wyv+HyfyHAgYGAGk4EwU4",
        "AwAA"
    ))
}
