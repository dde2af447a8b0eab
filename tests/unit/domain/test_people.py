from prmsync.domain.people import email_key


def test_addresses_are_compared_without_case_and_outer_spaces() -> None:
    assert email_key(" Ana@PRM.example ") == email_key("ana@prm.example")
    assert email_key("ana@prm.example") != email_key("ana.b@prm.example")
